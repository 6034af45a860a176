//! Postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::CodecError;
use super::limits::DecodeLimits;

pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let taken = std::mem::take(out);
    *out = postcard::to_extend(value, taken)?;
    Ok(())
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut deserializer = postcard::Deserializer::from_bytes(payload);
    let value = T::deserialize(DecodeLimits::of(payload).around(&mut deserializer))?;
    let rest = deserializer.finalize()?;
    if rest.is_empty() {
        return Ok(value);
    }
    Err(format!("{} bytes after the value", rest.len()).into())
}
