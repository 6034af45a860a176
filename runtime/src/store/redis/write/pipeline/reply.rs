//! Parsing the replies to claims and puts, which are short but for the entries that a claim finds.

use std::ops::Range;

use crate::store::redis::pipeline::resp::{Line, ProtocolError, line};

/// One reply, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Int(i64),
    Simple,
    /// Where its bytes are.
    Bulk(Option<Range<usize>>),
    Array(Vec<Frame>),
    /// Where its text is.
    Error(Range<usize>),
}

/// `EXEC` gives an array, in which `HMGET` gives another.
const DEEPEST: usize = 2;

/// The replies to one request, as far as they have arrived.
#[derive(Debug, Default)]
pub(crate) struct FrameParser {
    at: usize,
    frames: Vec<Frame>,
}

impl Frame {
    pub(super) fn error(&self) -> Option<&Range<usize>> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }
}

impl FrameParser {
    /// Continues in the bytes that have arrived, until there are so many replies.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        replies: usize,
    ) -> Result<Result<(usize, Vec<Frame>), usize>, ProtocolError> {
        while self.frames.len() < replies {
            match frame(bytes, self.at, 0)? {
                Ok((frame, next)) => {
                    self.frames.push(frame);
                    self.at = next;
                }
                Err(missing) => return Ok(Err(missing)),
            }
        }
        let Self { at, frames } = std::mem::take(self);
        Ok(Ok((at, frames)))
    }
}

#[allow(clippy::type_complexity)]
fn frame(
    bytes: &[u8],
    at: usize,
    depth: usize,
) -> Result<Result<(Frame, usize), usize>, ProtocolError> {
    let Some((line, start)) = line(bytes, at)? else {
        return Ok(Err(1));
    };
    let frame = match line {
        Line::Int(number) => Frame::Int(number),
        Line::Simple => Frame::Simple,
        Line::Nil => Frame::Bulk(None),
        Line::Error(_) => Frame::Error(at + 1..start - 2),
        Line::Bulk(len) => {
            let end = start + len;
            return match bytes.get(end..end + 2) {
                Some(b"\r\n") => Ok(Ok((Frame::Bulk(Some(start..end)), end + 2))),
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
                match self::frame(bytes, next, depth + 1)? {
                    Ok((item, end)) => {
                        items.push(item);
                        next = end;
                    }
                    Err(missing) => return Ok(Err(missing)),
                }
            }
            return Ok(Ok((Frame::Array(items), next)));
        }
    };
    Ok(Ok((frame, start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[u8] = b"+OK\r\n+QUEUED\r\n-OOM command not allowed\r\n:-1\r\n\
        *4\r\n:1\r\n:0\r\n*2\r\n$5\r\nab\r\nc\r\n$-1\r\n$-1\r\n:7\r\n";

    fn check(end: usize, frames: &[Frame]) {
        assert_eq!(end, REPLIES.len());
        let [
            Frame::Simple,
            Frame::Simple,
            Frame::Error(oom),
            Frame::Int(-1),
            Frame::Array(exec),
            Frame::Int(7),
        ] = frames
        else {
            panic!("{frames:?}");
        };
        assert_eq!(&REPLIES[oom.clone()], b"OOM command not allowed");
        let [
            Frame::Int(1),
            Frame::Int(0),
            Frame::Array(values),
            Frame::Bulk(None),
        ] = &exec[..]
        else {
            panic!("{exec:?}");
        };
        let [Frame::Bulk(Some(value)), Frame::Bulk(None)] = &values[..] else {
            panic!("{values:?}");
        };
        assert_eq!(&REPLIES[value.clone()], b"ab\r\nc");
    }

    #[test]
    fn replies_cut_at_any_byte_are_parsed_when_the_rest_arrives() {
        for cut in 0..REPLIES.len() {
            let mut parser = FrameParser::default();
            assert!(
                parser.read(&REPLIES[..cut], 6).unwrap().is_err(),
                "cut at {cut}"
            );
            let (end, frames) = parser.read(REPLIES, 6).unwrap().unwrap();
            check(end, &frames);
        }
        let two = [REPLIES, REPLIES].concat();
        let (end, frames) = FrameParser::default().read(&two, 6).unwrap().unwrap();
        check(end, &frames);
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
            assert!(FrameParser::default().read(bytes, 1).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_never_causes_a_panic_or_a_range_beyond_the_replies() {
        fn ranges(frame: &Frame, end: usize) {
            match frame {
                Frame::Bulk(Some(range)) | Frame::Error(range) => assert!(range.end <= end),
                Frame::Array(items) => items.iter().for_each(|item| ranges(item, end)),
                _ => {}
            }
        }
        for at in 0..REPLIES.len() {
            for bit in 0..8 {
                let mut bytes = REPLIES.to_vec();
                bytes[at] ^= 1 << bit;
                if let Ok(Ok((end, frames))) = FrameParser::default().read(&bytes, 6) {
                    assert!(end <= bytes.len());
                    frames.iter().for_each(|frame| ranges(frame, end));
                }
            }
        }
    }
}
