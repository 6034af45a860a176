pub(crate) mod block;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use super::limits::DecodeLimits;

pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(serde_norway::to_writer(out, value)?)
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    block::scan(std::str::from_utf8(payload)?)?;
    let deserializer = serde_norway::Deserializer::from_slice(payload);
    Ok(T::deserialize(
        DecodeLimits::of(payload).around(deserializer),
    )?)
}
