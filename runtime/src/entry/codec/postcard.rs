//! Postcard.

use erased_serde::{Deserializer, Serialize};

use super::error::CodecError;
use super::object::ReadValue;

pub(super) fn encode(value: &dyn Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let taken = std::mem::take(out);
    *out = postcard::to_extend(value, taken)?;
    Ok(())
}

pub(super) fn read(payload: &[u8], read: &mut ReadValue<'_>) -> Result<(), CodecError> {
    let mut deserializer = postcard::Deserializer::from_bytes(payload);
    read(&mut <dyn Deserializer<'_>>::erase(&mut deserializer))?;
    let rest = deserializer.finalize()?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(format!("{} bytes after the value", rest.len()).into())
}
