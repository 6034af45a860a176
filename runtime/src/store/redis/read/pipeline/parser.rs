//! Parsing the reply to a request in place, as it arrives.

use std::ops::Range;

use crate::error::Error;
use crate::store::redis::connection::classify;
use crate::store::redis::pipeline::resp::{Line, ProtocolError, line};

/// How far a reply has been parsed.
#[derive(Debug, Default)]
pub(crate) struct ReplyParser {
    at: usize,
    /// The replies to each `HMGET`, complete but for the last one.
    groups: Vec<ReplyGroup>,
    /// The parts of `TIME`.
    time: Option<Vec<Range<usize>>>,
}

/// Where the items of an array are.
pub(super) type ReplyGroup = Result<Vec<Option<Range<usize>>>, Error>;

/// A reply that is complete: it ends at `end`, and the bytes after it belong to the next one.
#[derive(Debug)]
pub(crate) struct CompleteReply {
    pub(super) end: usize,
    pub(super) groups: Vec<ReplyGroup>,
    pub(super) now_us: Result<u64, Error>,
}

impl ReplyParser {
    /// Continues in the bytes that have arrived; `Ok(Err(n))` if at least `n` more are needed.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        expected_lens: &[usize],
    ) -> Result<Result<CompleteReply, usize>, ProtocolError> {
        loop {
            let open = self.groups.len();
            if let Some(Ok(group)) = self.groups.last_mut()
                && group.len() < expected_lens[open - 1]
            {
                match item(bytes, self.at)? {
                    Ok((entry, next)) => {
                        group.push(entry);
                        self.at = next;
                        continue;
                    }
                    Err(missing) => return Ok(Err(missing)),
                }
            }
            if let Some(parts) = &mut self.time {
                if parts.len() < 2 {
                    match item(bytes, self.at)? {
                        Ok((Some(part), next)) => {
                            parts.push(part);
                            self.at = next;
                            continue;
                        }
                        Ok((None, _)) => return Err(ProtocolError),
                        Err(missing) => return Ok(Err(missing)),
                    }
                }
                let now_us = time_us(bytes, parts)?;
                return Ok(Ok(self.complete(Ok(now_us))));
            }
            let Some((line, next)) = line(bytes, self.at)? else {
                return Ok(Err(1));
            };
            self.at = next;
            let expected_len = expected_lens.get(self.groups.len()).copied();
            if let Some(complete) = self.begin_part(&line, expected_len)? {
                return Ok(Ok(complete));
            }
        }
    }

    /// The first line of a group, or of the time, which comes last and has no expected length.
    fn begin_part(
        &mut self,
        line: &Line<'_>,
        expected_len: Option<usize>,
    ) -> Result<Option<CompleteReply>, ProtocolError> {
        match (line, expected_len) {
            (Line::Array(len), Some(expected)) if *len == expected => {
                self.groups.push(Ok(Vec::with_capacity(*len)));
            }
            (Line::Array(2), None) => self.time = Some(Vec::with_capacity(2)),
            (Line::Error(text), Some(_)) => self.groups.push(Err(refused(text))),
            (Line::Error(text), None) => {
                let refused = refused(text);
                return Ok(Some(self.complete(Err(refused))));
            }
            _ => return Err(ProtocolError),
        }
        Ok(None)
    }

    fn complete(&mut self, now_us: Result<u64, Error>) -> CompleteReply {
        let Self { at, groups, .. } = std::mem::take(self);
        CompleteReply {
            end: at,
            groups,
            now_us,
        }
    }
}

/// An item of an array and where the next one begins, or how many bytes are missing.
#[allow(clippy::type_complexity)]
fn item(
    bytes: &[u8],
    at: usize,
) -> Result<Result<(Option<Range<usize>>, usize), usize>, ProtocolError> {
    let Some((line, start)) = line(bytes, at)? else {
        return Ok(Err(1));
    };
    let len = match line {
        Line::Bulk(len) => len,
        Line::Nil => return Ok(Ok((None, start))),
        Line::Array(_) | Line::Error(_) | Line::Int(_) | Line::Simple => {
            return Err(ProtocolError);
        }
    };
    let end = start + len;
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok(Ok((Some(start..end), end + 2))),
        Some(_) => Err(ProtocolError),
        None => Ok(Err(end + 2 - bytes.len())),
    }
}

/// The reply to `TIME`, in microseconds.
fn time_us(bytes: &[u8], parts: &[Range<usize>]) -> Result<u64, ProtocolError> {
    let number = |part: &Range<usize>| {
        let digits = std::str::from_utf8(&bytes[part.clone()]).ok()?;
        digits.parse::<u64>().ok()
    };
    match (number(&parts[0]), number(&parts[1])) {
        (Some(seconds), Some(micros)) if micros < 1_000_000 => seconds
            .checked_mul(1_000_000)
            .and_then(|us| us.checked_add(micros))
            .ok_or(ProtocolError),
        _ => Err(ProtocolError),
    }
}

/// The server's own text may quote arguments, so it is left out: its code says enough.
fn refused(text: &[u8]) -> Error {
    classify::refused(&String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::pipeline::resp::LONGEST_LINE;

    const REPLY: &[u8] = b"*3\r\n$5\r\nab\r\nc\r\n$-1\r\n$0\r\n\r\n\
        -WRONGTYPE Operation against a key\r\n*2\r\n$10\r\n1700000000\r\n$6\r\n000123\r\n";
    const FORM: [usize; 2] = [3, 1];

    fn check(complete: &CompleteReply, bytes: &[u8]) {
        assert_eq!(*complete.now_us.as_ref().unwrap(), 1_700_000_000_000_123);
        let [Ok(entries), Err(refused)] = &complete.groups[..] else {
            panic!("{:?}", complete.groups);
        };
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| entry.clone().map(|range| &bytes[range]))
            .collect();
        assert_eq!(entries, [Some(&b"ab\r\nc"[..]), None, Some(&b""[..])]);
        assert!(refused.is_foreign());
    }

    #[test]
    fn a_reply_cut_at_any_byte_is_parsed_when_the_rest_arrives() {
        for cut in 0..REPLY.len() {
            let mut parser = ReplyParser::default();
            let missing = parser.read(&REPLY[..cut], &FORM).unwrap().unwrap_err();
            assert!(missing >= 1 && missing <= REPLY.len() - cut, "cut at {cut}");
            let complete = parser.read(REPLY, &FORM).unwrap().unwrap();
            assert_eq!(complete.end, REPLY.len(), "cut at {cut}");
            check(&complete, REPLY);
        }
        let mut parser = ReplyParser::default();
        for cut in 0..REPLY.len() {
            assert!(parser.read(&REPLY[..cut], &FORM).unwrap().is_err());
        }
        check(&parser.read(REPLY, &FORM).unwrap().unwrap(), REPLY);
    }

    #[test]
    fn the_bytes_after_a_reply_are_left_for_the_next() {
        let two = [REPLY, REPLY].concat();
        let mut parser = ReplyParser::default();
        let complete = parser.read(&two, &FORM).unwrap().unwrap();
        assert_eq!(complete.end, REPLY.len());
        let complete = parser.read(&two[complete.end..], &FORM).unwrap().unwrap();
        check(&complete, REPLY);
    }

    #[test]
    fn a_reply_to_another_request_is_a_protocol_error() {
        for expected_lens in [&[2, 1][..], &[4, 1], &[], &[1, 3]] {
            let read = ReplyParser::default().read(REPLY, expected_lens);
            assert!(
                matches!(read, Err(ProtocolError)),
                "{expected_lens:?} {read:?}"
            );
        }
    }

    #[test]
    fn invalid_replies_are_protocol_errors() {
        let invalid: [&[u8]; 14] = [
            b"+OK\r\n",
            b":1\r\n",
            b"*-1\r\n",
            b"$3\r\n",
            b"*1\r\r",
            b"*01234567890\r\n",
            b"*1\r\n*1\r\n",
            b"*1\r\n-ERR\r\n",
            b"*1\r\n$99999999999\r\n",
            b"*1\r\n$999999999\r\n",
            b"*1\r\n$-2\r\n",
            b"*1\r\n$1\r\nabc",
            b">2\r\n",
            b"*1\r\n$1\r\na\r\n*2\r\n$1\r\n1\r\n$7\r\n1000000\r\n",
        ];
        for bytes in invalid {
            let read = ReplyParser::default().read(bytes, &[1]);
            assert!(
                matches!(read, Err(ProtocolError)),
                "{:?} {read:?}",
                String::from_utf8_lossy(bytes)
            );
        }
        let endless = [b'-'; LONGEST_LINE + 1];
        assert!(ReplyParser::default().read(&endless, &[1]).is_err());
    }

    #[test]
    fn a_flipped_bit_never_causes_a_panic_or_a_range_beyond_the_reply() {
        for at in 0..REPLY.len() {
            for bit in 0..8 {
                let mut bytes = REPLY.to_vec();
                bytes[at] ^= 1 << bit;
                if let Ok(Ok(complete)) = ReplyParser::default().read(&bytes, &FORM) {
                    assert!(complete.end <= bytes.len());
                    for range in complete.groups.iter().flatten().flatten().flatten() {
                        assert!(range.end <= complete.end);
                    }
                }
            }
        }
    }

    #[test]
    fn a_refused_clock_fails_the_whole_batch() {
        let bytes = b"*1\r\n$1\r\na\r\n-NOPERM no TIME for you\r\n";
        let complete = ReplyParser::default().read(bytes, &[1]).unwrap().unwrap();
        let error = complete.now_us.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server refuses this user the command or the key (NOPERM)"
        );
        assert_eq!(complete.end, bytes.len());
    }
}
