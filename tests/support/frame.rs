//! Where one message of the Redis protocol ends and the next begins.

/// The length of the first whole message in `bytes`, of RESP2 or RESP3; `None` if it is not all there.
///
/// Panics where the bytes are no protocol at all: only real clients and servers stand at the ends of a proxy.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let line = line(bytes)?;
    let number = || {
        let digits = std::str::from_utf8(&bytes[1..line]).unwrap();
        digits.parse::<i64>().unwrap_or(-1)
    };
    let body = line + 2;
    match bytes[0] {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Some(body),
        b'$' | b'=' | b'!' => match usize::try_from(number()) {
            Ok(text) => Some(body + text + 2).filter(|end| *end <= bytes.len()),
            Err(_) => Some(body),
        },
        b'*' | b'~' | b'>' => parts(bytes, body, number()),
        b'%' | b'|' => parts(bytes, body, number() * 2),
        other => panic!("no message of the protocol begins with {other:#x}"),
    }
}

fn parts(bytes: &[u8], mut at: usize, count: i64) -> Option<usize> {
    for _ in 0..count {
        at += length(bytes.get(at..)?)?;
    }
    Some(at)
}

fn line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

/// The arguments of a command that a client sent.
pub(super) fn arguments(message: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let Some(mut at) = line(message).map(|end| end + 2) else {
        return found;
    };
    while let Some(end) = message.get(at..).and_then(line) {
        let Ok(text) = std::str::from_utf8(&message[at + 1..at + end]) else {
            break;
        };
        let (start, length) = (at + end + 2, text.parse().unwrap_or(0));
        found.push(message[start..start + length].to_vec());
        at = start + length + 2;
    }
    found
}

/// Whether a message was not asked for.
pub(super) fn is_push(message: &[u8]) -> bool {
    message.first() == Some(&b'>')
}
