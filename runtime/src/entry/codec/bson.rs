//! BSON.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::CodecError;
use super::limits::Inside;

/// A BSON document is a map at its top; other values need a field to stand in.
#[derive(serde::Serialize, Deserialize)]
struct Document<T> {
    v: T,
}

pub(super) fn encode(
    value: &dyn erased_serde::Serialize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.extend_from_slice(&bson::serialize_to_vec(&Document { v: value })?);
    Ok(())
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let length = payload
        .first_chunk()
        .map(|bytes| i32::from_le_bytes(*bytes));
    if length.map(i64::from) != i64::try_from(payload.len()).ok() {
        return Err("the document does not end with the payload".into());
    }
    let Document { v: Inside(value) } = bson::deserialize_from_slice(payload)?;
    Ok(value)
}
