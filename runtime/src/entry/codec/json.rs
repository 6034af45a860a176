use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use super::limits::DecodeLimits;

pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(serde_json::to_writer(out, value)?)
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let value = T::deserialize(DecodeLimits::of(payload).around(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}
