use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;

/// Deeper values are refused by the decoder; the stack of a small thread holds this many levels.
const DEPTH: usize = 128;
/// What ciborium sets aside for strings by itself.
const SCRATCH: usize = 4096;

pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let from = out.len();
    ciborium::into_writer(value, &mut *out)?;
    // ciborium bounds the depth when it reads only: such an entry would be stored for nothing.
    if depth(&out[from..]) > DEPTH {
        return Err(format!("the value is nested deeper than {DEPTH} levels").into());
    }
    Ok(())
}

pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut rest = payload;
    // Strings for `deserialize_str` must fit ciborium's scratch whole (its issue 96), and it takes
    // either a larger scratch or a limit of depth: its own limit, 256, is safe on a small stack.
    let value = if payload.len() <= SCRATCH {
        ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH)?
    } else {
        ciborium::de::from_reader_with_buffer(&mut rest, &mut vec![0; payload.len()])?
    };
    if rest.is_empty() {
        return Ok(value);
    }
    Err(format!("{} bytes behind the value", rest.len()).into())
}

/// How deep the items of well-formed CBOR nest, without recursion.
fn depth(bytes: &[u8]) -> usize {
    let (mut at, mut deepest) = (0, 0);
    // Items still to come on each open level; `None` for one that a break code ends.
    let mut open: Vec<Option<u64>> = Vec::new();
    while at < bytes.len() {
        let (major, info) = (bytes[at] >> 5, bytes[at] & 31);
        at += 1;
        let width = match info {
            24..=27 => 1 << (info - 24),
            _ => 0,
        };
        let mut argument = u64::from(info);
        if width > 0 {
            argument = bytes[at..at + width]
                .iter()
                .fold(0, |n, &b| n << 8 | u64::from(b));
            at += width;
        }
        let items = if info == 31 { None } else { Some(argument) };
        match (major, items) {
            (2 | 3, Some(length)) => at += usize::try_from(length).unwrap_or(usize::MAX),
            (2..=5, None) => open.push(None),
            (4, Some(items)) if items > 0 => open.push(Some(items)),
            (5, Some(items)) if items > 0 => open.push(Some(items * 2)),
            (6, _) => open.push(Some(1)),
            (7, None) => {
                open.pop();
            }
            _ => {}
        }
        deepest = deepest.max(open.len());
        if matches!((major, items), (4 | 5, Some(1..)) | (2..=5, None) | (6, _)) {
            continue;
        }
        // An item has ended: so have the levels of which it was the last.
        while let Some(Some(left)) = open.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_of_a_value_is_counted() {
        let of = |value: &ciborium::Value| {
            let mut bytes = Vec::new();
            ciborium::into_writer(value, &mut bytes).unwrap();
            depth(&bytes)
        };
        let flat = ciborium::Value::Array(vec![1.into(), "two".into(), ciborium::Value::Null]);
        assert_eq!(of(&1.into()), 0);
        assert_eq!(of(&flat), 1);
        assert_eq!(
            of(&ciborium::Value::Map(vec![
                (1.into(), flat.clone()),
                (2.into(), flat)
            ])),
            2
        );
    }

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
    fn bytes_behind_the_value_are_refused() {
        let mut bytes = Vec::new();
        encode(&7, &mut bytes).unwrap();
        assert_eq!(decode::<u8>(&bytes).unwrap(), 7);
        bytes.push(0);
        assert!(decode::<u8>(&bytes).is_err());
    }
}
