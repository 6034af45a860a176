//! From the errors of the redis crate to ours, without a word of what was sent.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

pub(super) fn is_no_script(error: &RedisError) -> bool {
    matches!(error.kind(), Kind::Server(ServerErrorKind::NoScript))
}

/// Whether the connection is of no use any more: the next call needs another one.
pub(super) fn is_end_of_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_connection_dropped()
        // After a failover the old primary may keep the socket open and refuse all writes.
        || matches!(error.kind(), Kind::Server(ServerErrorKind::ReadOnly))
}

/// The server's own text may quote arguments, so it is left out: its code says enough.
pub(super) fn error(error: &RedisError) -> Error {
    if is_wrong_type(error) {
        return foreign();
    }
    if error.is_timeout() {
        return Error::unavailable("the store did not answer in time");
    }
    let kind = match error.kind() {
        Kind::Server(_) | Kind::Extension => ErrorKind::Server,
        _ => ErrorKind::Unavailable,
    };
    match error.code() {
        Some(code) => Error::new(kind, format!("the server refused: {code}")),
        None => Error::new(kind, format!("the store failed: {}", error.category())),
    }
}

pub(super) fn foreign() -> Error {
    Error::new(
        ErrorKind::Foreign,
        "a key of this cache holds data of another type, which was left alone; \
         give the cache another name or prefix, or remove that key",
    )
}

/// Servers before 7.0 report it as text inside an error of the script.
fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
        || error
            .detail()
            .is_some_and(|detail| detail.contains("WRONGTYPE"))
}
