//! The wire format of Redis (RESP 2), as far as pipelines write and read it.

use bytes::{BufMut as _, BytesMut};

use crate::settings::LARGEST_ENTRY_BYTES;

/// The largest entry there can be, and more than its header needs.
const LARGEST: usize = LARGEST_ENTRY_BYTES + (1 << 12);
/// The longest first line of a reply: a number, or the text of an error.
pub(crate) const LONGEST_LINE: usize = 4096;

/// One line, of which the number or the text has been parsed.
pub(crate) enum Line<'a> {
    Array(usize),
    Bulk(usize),
    Nil,
    Int(i64),
    /// Its text says nothing: `OK`, `QUEUED`.
    Simple,
    Error(&'a [u8]),
}

pub(crate) fn array(out: &mut BytesMut, len: usize) {
    header(out, b'*', len);
}

pub(crate) fn bulk(out: &mut BytesMut, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// One argument, of bytes that lie apart.
pub(crate) fn bulk_of_parts(out: &mut BytesMut, parts: &[&[u8]]) {
    header(out, b'$', parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

fn header(out: &mut BytesMut, kind: u8, len: usize) {
    out.put_u8(kind);
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = len;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn command(out: &mut BytesMut, words: &[&[u8]]) {
    array(out, words.len());
    for word in words {
        bulk(out, word);
    }
}

/// The line that begins here, and where the next one does; `None` if its end has not arrived.
pub(crate) fn line(bytes: &[u8], at: usize) -> Result<Option<(Line<'_>, usize)>, ProtocolError> {
    let rest = &bytes[at..];
    let visible = &rest[..rest.len().min(LONGEST_LINE)];
    let Some(end) = visible.iter().position(|&byte| byte == b'\r') else {
        return if visible.len() < LONGEST_LINE {
            Ok(None)
        } else {
            Err(ProtocolError)
        };
    };
    match rest.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(ProtocolError),
    }
    let text = &rest[1..end];
    let line = match rest[0] {
        b'*' => Line::Array(number(text)?),
        b'$' if text == b"-1" => Line::Nil,
        b'$' => Line::Bulk(number(text)?),
        b':' => Line::Int(integer(text)?),
        b'+' => Line::Simple,
        b'-' => Line::Error(text),
        _ => return Err(ProtocolError),
    };
    Ok(Some((line, at + end + 2)))
}

fn number(digits: &[u8]) -> Result<usize, ProtocolError> {
    if digits.is_empty() || digits.len() > 9 {
        return Err(ProtocolError);
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(ProtocolError);
        }
        number = number * 10 + usize::from(digit - b'0');
    }
    if number > LARGEST {
        return Err(ProtocolError);
    }
    Ok(number)
}

fn integer(digits: &[u8]) -> Result<i64, ProtocolError> {
    let text = std::str::from_utf8(digits).map_err(|_| ProtocolError)?;
    text.parse().map_err(|_| ProtocolError)
}

/// No reply to what was asked: the connection cannot be used any more.
#[derive(Debug)]
pub(crate) struct ProtocolError;
