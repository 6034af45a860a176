//! The server's answer to a batch, read where it lies, as it comes.

use std::ops::Range;

use crate::error::{Error, ErrorKind};
use crate::settings::LARGEST_ENTRY_BYTES;
use crate::store::redis::fault;

/// The largest entry there can be, and more than its header needs.
const LARGEST: usize = LARGEST_ENTRY_BYTES + (1 << 12);
/// The longest first line of a reply: a number, or the text of an error.
const LONGEST_LINE: usize = 4096;

/// Something that no server answers to what was asked: the connection is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Surprise;

/// How far the answer to a batch has been read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    at: usize,
    /// Replies that are whole, but for the last one.
    groups: Vec<Group>,
    /// The parts of `TIME`.
    time: Option<Vec<Range<usize>>>,
}

type Group = Result<Vec<Option<Range<usize>>>, Error>;

/// An answer that is whole: it ends at `end`, and what is there behind it belongs to the next one.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) end: usize,
    pub(super) groups: Vec<Group>,
    pub(super) now_us: Result<u64, Error>,
}

/// One line, of which the number or the text has been read.
enum Line<'a> {
    Array(usize),
    Bulk(usize),
    Nil,
    Error(&'a [u8]),
}

impl Reader {
    /// Reads on in what has come so far; `Ok(Err(n))` if it takes at least `n` bytes more.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        form: &[usize],
    ) -> Result<Result<Whole, usize>, Surprise> {
        loop {
            let open = self.groups.len();
            if let Some(Ok(group)) = self.groups.last_mut()
                && group.len() < form[open - 1]
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
                        Ok((None, _)) => return Err(Surprise),
                        Err(missing) => return Ok(Err(missing)),
                    }
                }
                let now_us = time_us(bytes, parts)?;
                return Ok(Ok(self.whole(Ok(now_us))));
            }
            let Some((line, next)) = line(bytes, self.at)? else {
                return Ok(Err(1));
            };
            self.at = next;
            match (line, form.get(self.groups.len())) {
                (Line::Array(len), Some(asked)) if len == *asked => {
                    self.groups.push(Ok(Vec::with_capacity(len)));
                }
                (Line::Array(2), None) => self.time = Some(Vec::with_capacity(2)),
                (Line::Error(text), Some(_)) => self.groups.push(Err(refused(text))),
                (Line::Error(text), None) => {
                    let refused = refused(text);
                    return Ok(Ok(self.whole(Err(refused))));
                }
                _ => return Err(Surprise),
            }
        }
    }

    fn whole(&mut self, now_us: Result<u64, Error>) -> Whole {
        let Self { at, groups, .. } = std::mem::take(self);
        Whole {
            end: at,
            groups,
            now_us,
        }
    }
}

/// An item of an array and where the next one begins, or how many bytes are missing.
#[allow(clippy::type_complexity)]
fn item(bytes: &[u8], at: usize) -> Result<Result<(Option<Range<usize>>, usize), usize>, Surprise> {
    let Some((line, start)) = line(bytes, at)? else {
        return Ok(Err(1));
    };
    let len = match line {
        Line::Bulk(len) => len,
        Line::Nil => return Ok(Ok((None, start))),
        Line::Array(_) | Line::Error(_) => return Err(Surprise),
    };
    let end = start + len;
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok(Ok((Some(start..end), end + 2))),
        Some(_) => Err(Surprise),
        None => Ok(Err(end + 2 - bytes.len())),
    }
}

/// The line that begins here, and where the next one does; `None` if its end has not come.
fn line(bytes: &[u8], at: usize) -> Result<Option<(Line<'_>, usize)>, Surprise> {
    let rest = &bytes[at..];
    let looked_at = &rest[..rest.len().min(LONGEST_LINE)];
    let Some(end) = looked_at.iter().position(|&byte| byte == b'\r') else {
        return if looked_at.len() < LONGEST_LINE {
            Ok(None)
        } else {
            Err(Surprise)
        };
    };
    match rest.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(Surprise),
    }
    let text = &rest[1..end];
    let line = match rest[0] {
        b'*' => Line::Array(number(text)?),
        b'$' if text == b"-1" => Line::Nil,
        b'$' => Line::Bulk(number(text)?),
        b'-' => Line::Error(text),
        _ => return Err(Surprise),
    };
    Ok(Some((line, at + end + 2)))
}

fn number(digits: &[u8]) -> Result<usize, Surprise> {
    if digits.is_empty() || digits.len() > 9 {
        return Err(Surprise);
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(Surprise);
        }
        number = number * 10 + usize::from(digit - b'0');
    }
    if number > LARGEST {
        return Err(Surprise);
    }
    Ok(number)
}

/// What `TIME` answers, in microseconds.
fn time_us(bytes: &[u8], parts: &[Range<usize>]) -> Result<u64, Surprise> {
    let number = |part: &Range<usize>| {
        let digits = std::str::from_utf8(&bytes[part.clone()]).ok()?;
        digits.parse::<u64>().ok()
    };
    match (number(&parts[0]), number(&parts[1])) {
        (Some(seconds), Some(micros)) if micros < 1_000_000 => seconds
            .checked_mul(1_000_000)
            .and_then(|us| us.checked_add(micros))
            .ok_or(Surprise),
        _ => Err(Surprise),
    }
}

/// The server's own text may quote arguments, so it is left out: its code says enough.
fn refused(text: &[u8]) -> Error {
    let code = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    if code == b"WRONGTYPE" {
        return fault::foreign();
    }
    let is_code = !code.is_empty() && code.len() <= 32 && code.iter().all(u8::is_ascii_uppercase);
    let code = std::str::from_utf8(code).ok().filter(|_| is_code);
    Error::new(
        ErrorKind::Server,
        format!("the server refused: {}", code.unwrap_or("ERR")),
    )
}
