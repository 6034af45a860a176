//! MessagePack.

use erased_serde::{Deserializer, Serialize};

use super::error::CodecError;
use super::object::ReadValue;

/// Structs by name, so that a field may be added.
pub(super) fn encode(value: &dyn Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(rmp_serde::encode::write_named(out, value)?)
}

pub(super) fn read(payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
    let mut rest = payload;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    read(&mut <dyn Deserializer<'_>>::erase(&mut deserializer))?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(format!("{} bytes after the value", rest.len()).into())
}
