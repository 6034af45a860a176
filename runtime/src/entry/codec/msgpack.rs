//! MessagePack.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::CodecError;
use super::limits::DecodeLimits;

/// Structs by name, so that a field may be added.
pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(rmp_serde::encode::write_named(out, value)?)
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut rest = payload;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    let value = T::deserialize(DecodeLimits::of(payload).around(&mut deserializer))?;
    if rest.is_empty() {
        return Ok(value);
    }
    Err(format!("{} bytes after the value", rest.len()).into())
}
