//! Compression of payloads.

use super::error::CodecError;
use crate::entry::header::COMPRESSED;

/// The length before compression, in front of the block.
const LENGTH: usize = 4;

pub(super) fn compress(bytes: &mut Vec<u8>, from: usize) -> u8 {
    let payload = &bytes[from..];
    let Ok(length) = u32::try_from(payload.len()) else {
        return 0;
    };
    let block = lz4_flex::block::compress(payload);
    if block.len() + LENGTH >= payload.len() {
        return 0;
    }
    bytes.truncate(from);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&block);
    COMPRESSED
}

/// The length is checked before room is made for it, so a small entry cannot ask for much.
pub(super) fn decompress(payload: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let (length, block) = payload
        .split_first_chunk::<LENGTH>()
        .ok_or("a compressed payload is cut off")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > limit {
        return Err(format!(
            "{length} bytes before compression, which is over the limit of {limit}"
        )
        .into());
    }
    let mut bytes = vec![0; length];
    let written = lz4_flex::block::decompress_into(block, &mut bytes)?;
    if written != length {
        return Err("a compressed payload is shorter than it says".into());
    }
    Ok(bytes)
}
