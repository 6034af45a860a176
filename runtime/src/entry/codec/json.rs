//! JSON.

use erased_serde::{Deserializer, Serialize};

use super::error::CodecError;
use super::object::ReadValue;

pub(super) fn encode(value: &dyn Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(serde_json::to_writer(out, value)?)
}

pub(super) fn read(payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    read(&mut <dyn Deserializer<'_>>::erase(&mut deserializer))?;
    Ok(deserializer.end()?)
}
