//! YAML.

pub(crate) mod block;

use erased_serde::{Deserializer, Serialize};

use super::error::CodecError;
use super::object::ReadValue;

pub(super) fn encode(value: &dyn Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(serde_norway::to_writer(out, value)?)
}

pub(super) fn read(payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
    block::scan(std::str::from_utf8(payload)?)?;
    let deserializer = serde_norway::Deserializer::from_slice(payload);
    Ok(read(&mut <dyn Deserializer<'_>>::erase(deserializer))?)
}
