//! Parsing the replies to claims and puts, which are short but for the entries that a claim finds.

use std::ops::Range;

use crate::store::redis::pipeline::resp::{Line, ProtocolError, line};

/// One reply, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplyPart {
    Int(i64),
    Simple,
    /// Where its bytes are.
    Bulk(Option<Range<usize>>),
    Array(Vec<ReplyPart>),
    /// Where its text is.
    Error(Range<usize>),
}

/// `EXEC` gives an array, in which `HMGET` gives another.
const DEEPEST: usize = 2;

/// The replies to one request, as far as they have arrived.
#[derive(Debug, Default)]
pub(crate) struct PartsParser {
    at: usize,
    parts: Vec<ReplyPart>,
}

impl ReplyPart {
    pub(super) fn error(&self) -> Option<&Range<usize>> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }
}

impl PartsParser {
    /// Continues in the bytes that have arrived, until there are so many replies.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        replies: usize,
    ) -> Result<Result<(usize, Vec<ReplyPart>), usize>, ProtocolError> {
        while self.parts.len() < replies {
            match part(bytes, self.at, 0)? {
                Ok((part, next)) => {
                    self.parts.push(part);
                    self.at = next;
                }
                Err(missing) => return Ok(Err(missing)),
            }
        }
        let Self { at, parts } = std::mem::take(self);
        Ok(Ok((at, parts)))
    }
}

#[allow(clippy::type_complexity)]
fn part(
    bytes: &[u8],
    at: usize,
    depth: usize,
) -> Result<Result<(ReplyPart, usize), usize>, ProtocolError> {
    let Some((line, start)) = line(bytes, at)? else {
        return Ok(Err(1));
    };
    let part = match line {
        Line::Int(number) => ReplyPart::Int(number),
        Line::Simple => ReplyPart::Simple,
        Line::Nil => ReplyPart::Bulk(None),
        Line::Error(_) => ReplyPart::Error(at + 1..start - 2),
        Line::Bulk(len) => {
            let end = start + len;
            return match bytes.get(end..end + 2) {
                Some(b"\r\n") => Ok(Ok((ReplyPart::Bulk(Some(start..end)), end + 2))),
                Some(_) => Err(ProtocolError),
                None => Ok(Err(end + 2 - bytes.len())),
            };
        }
        Line::Array(_) if depth == DEEPEST => return Err(ProtocolError),
        Line::Array(len) => {
            // A length is only believed as its items arrive.
            let mut items = Vec::with_capacity(len.min(512));
            let mut next = start;
            while items.len() < len {
                match self::part(bytes, next, depth + 1)? {
                    Ok((item, end)) => {
                        items.push(item);
                        next = end;
                    }
                    Err(missing) => return Ok(Err(missing)),
                }
            }
            return Ok(Ok((ReplyPart::Array(items), next)));
        }
    };
    Ok(Ok((part, start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[u8] = b"+OK\r\n+QUEUED\r\n-OOM command not allowed\r\n:-1\r\n\
        *4\r\n:1\r\n:0\r\n*2\r\n$5\r\nab\r\nc\r\n$-1\r\n$-1\r\n:7\r\n";

    fn check(end: usize, parts: &[ReplyPart]) {
        assert_eq!(end, REPLIES.len());
        let [
            ReplyPart::Simple,
            ReplyPart::Simple,
            ReplyPart::Error(oom),
            ReplyPart::Int(-1),
            ReplyPart::Array(exec),
            ReplyPart::Int(7),
        ] = parts
        else {
            panic!("{parts:?}");
        };
        assert_eq!(&REPLIES[oom.clone()], b"OOM command not allowed");
        let [
            ReplyPart::Int(1),
            ReplyPart::Int(0),
            ReplyPart::Array(values),
            ReplyPart::Bulk(None),
        ] = &exec[..]
        else {
            panic!("{exec:?}");
        };
        let [ReplyPart::Bulk(Some(value)), ReplyPart::Bulk(None)] = &values[..] else {
            panic!("{values:?}");
        };
        assert_eq!(&REPLIES[value.clone()], b"ab\r\nc");
    }

    #[test]
    fn replies_cut_at_any_byte_are_parsed_when_the_rest_arrives() {
        for cut in 0..REPLIES.len() {
            let mut parser = PartsParser::default();
            assert!(
                parser.read(&REPLIES[..cut], 6).unwrap().is_err(),
                "cut at {cut}"
            );
            let (end, parts) = parser.read(REPLIES, 6).unwrap().unwrap();
            check(end, &parts);
        }
        let two = [REPLIES, REPLIES].concat();
        let (end, parts) = PartsParser::default().read(&two, 6).unwrap().unwrap();
        check(end, &parts);
    }

    #[test]
    fn arrays_that_are_too_deep_and_invalid_bytes_are_protocol_errors() {
        let invalid: [&[u8]; 6] = [
            b"*1\r\n*1\r\n*1\r\n:1\r\n",
            b"*-1\r\n",
            b":x\r\n",
            b"$3\r\nabcde",
            b"?1\r\n",
            b"*99999999999\r\n",
        ];
        for bytes in invalid {
            assert!(PartsParser::default().read(bytes, 1).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_never_causes_a_panic_or_a_range_beyond_the_replies() {
        fn ranges(part: &ReplyPart, end: usize) {
            match part {
                ReplyPart::Bulk(Some(range)) | ReplyPart::Error(range) => assert!(range.end <= end),
                ReplyPart::Array(items) => items.iter().for_each(|item| ranges(item, end)),
                _ => {}
            }
        }
        for at in 0..REPLIES.len() {
            for bit in 0..8 {
                let mut bytes = REPLIES.to_vec();
                bytes[at] ^= 1 << bit;
                if let Ok(Ok((end, parts))) = PartsParser::default().read(&bytes, 6) {
                    assert!(end <= bytes.len());
                    for part in &parts {
                        ranges(part, end);
                    }
                }
            }
        }
    }
}
