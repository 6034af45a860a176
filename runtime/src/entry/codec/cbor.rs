//! CBOR, the default: written by ciborium, read by a faster reader where it can.

pub(crate) mod read;

use erased_serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::CodecError;
use super::limits::{DEPTH, Inside};

/// So many levels, options and newtypes among them, fit every stack: below them the reader measures it.
pub(crate) const FLAT: usize = 24;
/// What ciborium sets aside for strings by itself.
const SCRATCH: usize = 4096;

pub(crate) fn encode(value: &dyn Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let from = out.len();
    ciborium::into_writer(value, &mut *out)?;
    // Nothing bounds the depth on the way out: such an entry would be stored for nothing.
    scan(&out[from..])
}

/// Reads with a [reader](read) of our own, several times as fast as ciborium, which wrote the
/// payload. What that does not take (a tag, say) ciborium reads.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    match read::decode(payload, DEPTH) {
        Some(value) => Ok(value),
        None => scan(payload).and_then(|()| decode_slowly(payload)),
    }
}

/// With a guard that counts what takes no bytes to nest, and measures the stack.
#[cold]
pub(crate) fn decode_slowly<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut rest = payload;
    // Strings for `deserialize_str` must fit ciborium's scratch whole (its issue 96). Its own limit of
    // depth, 256, is above ours.
    let mut scratch = vec![0; payload.len().max(SCRATCH)];
    let Inside(value) = ciborium::de::from_reader_with_buffer(&mut rest, &mut scratch)?;
    if rest.is_empty() {
        return Ok(value);
    }
    Err(format!("{} bytes after the value", rest.len()).into())
}

/// Checks, without recursion, that the bytes are exactly one complete item of CBOR, nested no deeper
/// than the limit: decoders may then trust its lengths.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), CodecError> {
    // Items still to come on each open level; `None` for one that a break code ends.
    let mut open: Vec<Option<u64>> = Vec::new();
    let mut at = 0;
    loop {
        let Head {
            major,
            info,
            argument,
            len,
        } = head(&bytes[at..])?;
        at += len;
        match (major, info) {
            (2..=5, 31) => open.push(None),
            (0 | 1 | 6, 31) => return Err("an item of no length".into()),
            (2 | 3, _) => {
                let length = usize::try_from(argument)?;
                at = at
                    .checked_add(length)
                    .filter(|&end| end <= bytes.len())
                    .ok_or(CUT)?;
            }
            (4, _) if argument > 0 => open.push(Some(argument)),
            (5, _) if argument > 0 => {
                open.push(Some(argument.checked_mul(2).ok_or(CUT)?));
            }
            (6, _) => open.push(Some(1)),
            (7, 31) => match open.pop() {
                Some(None) => {}
                _ => return Err("a break where nothing is open".into()),
            },
            _ => {}
        }
        if open.len() > DEPTH {
            return Err(format!("the value is nested deeper than {DEPTH} levels").into());
        }
        let opens = matches!((major, info), (2..=5, 31) | (6, _))
            || (matches!(major, 4 | 5) && argument > 0);
        if opens {
            continue;
        }
        close_levels(&mut open);
        if open.is_empty() {
            break;
        }
    }
    match bytes.len() - at {
        0 => Ok(()),
        more => Err(format!("{more} bytes after the value").into()),
    }
}

/// The head of an item: its kind, and the number that goes with it.
struct Head {
    major: u8,
    info: u8,
    argument: u64,
    len: usize,
}

#[inline]
fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    let first = *bytes.first().ok_or(CUT)?;
    let (major, info) = (first >> 5, first & 31);
    let width = match info {
        24..=27 => 1 << (info - 24),
        28..=30 => return Err("a reserved head of an item".into()),
        _ => 0,
    };
    let mut argument = u64::from(info);
    if width > 0 {
        let digits = bytes.get(1..=width).ok_or(CUT)?;
        argument = digits.iter().fold(0, |n, &b| n << 8 | u64::from(b));
    }
    Ok(Head {
        major,
        info,
        argument,
        len: 1 + width,
    })
}

/// An item has ended, and with it the levels of which it was the last.
#[inline]
fn close_levels(open: &mut Vec<Option<u64>>) {
    while let Some(Some(left)) = open.last_mut() {
        *left -= 1;
        if *left > 0 {
            return;
        }
        open.pop();
    }
}

const CUT: &str = "the value is cut short";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_too_deep_to_be_read_is_not_written() {
        let nest = |n| {
            (0..n).fold(ciborium::Value::Null, |v, _| {
                ciborium::Value::Array(vec![v])
            })
        };
        encode(&nest(100), &mut Vec::new()).unwrap();
        assert!(encode(&nest(200), &mut Vec::new()).is_err());
    }

    #[test]
    fn cut_and_senseless_bytes_are_refused_before_a_decoder_sees_them() {
        let mut whole = Vec::new();
        encode(
            &(1u8, "two", [3.5f64; 4], vec![Some(4u64), None]),
            &mut whole,
        )
        .unwrap();
        scan(&whole).unwrap();
        for len in 0..whole.len() {
            assert!(scan(&whole[..len]).is_err(), "cut to {len}");
        }
        // Lengths beyond the end, reserved heads, breaks out of place, tags upon tags.
        let bombs: [&[u8]; 7] = [
            &[0x5b, 0x14, 0x14, 0x14, 0x14, 0x14, 0x14, 0x14, 0x14],
            &[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x1c],
            &[0xff],
            &[0x82, 0xff, 0x00],
            &[0xc1; 1000],
        ];
        for bomb in bombs {
            assert!(decode::<ciborium::Value>(bomb).is_err(), "{bomb:x?}");
        }
        assert!(
            scan(&[0x9f, 0x01, 0x7f, 0x61, 0x61, 0xff, 0xff]).is_ok(),
            "no lengths"
        );
    }

    #[test]
    fn bytes_behind_the_value_are_refused() {
        let mut bytes = Vec::new();
        encode(&7, &mut bytes).unwrap();
        assert_eq!(decode::<u8>(&bytes).unwrap(), 7);
        bytes.push(0);
        assert!(decode::<u8>(&bytes).is_err());
    }
}
