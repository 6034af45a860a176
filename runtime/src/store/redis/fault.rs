//! From the errors of the redis crate to ours, without a word of what was sent.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

/// What an error says about the endpoint that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was not asked, or is just being connected to.
    Nothing,
    /// It answered: what is wrong is the data, the script or the topology.
    Answered,
    Failed,
    /// The next call will fare no better.
    Refused,
    /// It still answers reads.
    RefusesWrites,
    /// It refuses writes because another one is the primary now.
    IsReplica,
    /// Its answer is none to what was asked, so those that follow may not be either.
    Garbled,
}

const REFUSALS: [&str; 8] = [
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    // Where a script runs a command that the user may not: of 8.0, and before.
    "ACL failure in script",
    "The user executing the script",
];
const REFUSALS_OF_WRITES: [&str; 3] = ["OOM", "MISCONF", "NOREPLICAS"];

pub(super) fn is_no_script(error: &RedisError) -> bool {
    matches!(error.kind(), Kind::Server(ServerErrorKind::NoScript))
}

/// Whether the connection is of no use any more: the next call needs another one.
pub(super) fn is_end_of_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped()
}

/// What callers are told while the first attempt at a new connection is on its way.
pub(super) fn reconnecting() -> RedisError {
    RedisError::from((
        Kind::Client,
        "the connection was lost and is being replaced",
    ))
}

pub(super) fn closed() -> RedisError {
    RedisError::from((Kind::Client, "the cache is closed"))
}

/// The server's own text may quote arguments, so it is left out: its code says enough.
pub(super) fn error(error: &RedisError) -> Error {
    if says(error, "WRONGTYPE") {
        return foreign();
    }
    let verdict = verdict(error);
    if error.is_timeout() {
        return Error::unavailable("the store did not answer in time").with_verdict(verdict);
    }
    let kind = match error.kind() {
        Kind::Server(_) | Kind::Extension => ErrorKind::Server,
        _ => ErrorKind::Unavailable,
    };
    let said = match error.code() {
        Some(code) => Error::new(kind, format!("the server refused: {code}")),
        None => Error::new(kind, format!("the store failed: {}", error.category())),
    };
    said.with_verdict(verdict)
}

fn verdict(error: &RedisError) -> Verdict {
    match error.kind() {
        Kind::Client => Verdict::Nothing,
        Kind::AuthenticationFailed | Kind::InvalidClientConfig => Verdict::Refused,
        Kind::Parse => Verdict::Garbled,
        Kind::Server(_) | Kind::Extension => verdict_of_answer(|code| says(error, code)),
        _ if error.is_connection_refusal() => Verdict::Refused,
        _ => Verdict::Failed,
    }
}

fn verdict_of_answer(says: impl Fn(&str) -> bool) -> Verdict {
    let says_one_of = |codes: &[&str]| codes.iter().any(|code| says(code));
    if says("READONLY") {
        return Verdict::IsReplica;
    }
    if says_one_of(&REFUSALS_OF_WRITES) {
        return Verdict::RefusesWrites;
    }
    if says_one_of(&REFUSALS) || says("unknown command") {
        return Verdict::Refused;
    }
    if says("BUSY") {
        return Verdict::Failed;
    }
    Verdict::Answered
}

/// What a server says in place of an answer, where the redis crate does not read it.
pub(super) fn refused(text: &str) -> Error {
    let code = text.split(' ').next().unwrap_or_default();
    if code == "WRONGTYPE" {
        return foreign();
    }
    let is_code = (1..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase());
    let code = if is_code { code } else { "ERR" };
    Error::new(ErrorKind::Server, format!("the server refused: {code}"))
        .with_verdict(verdict_of_answer(|wanted| text.contains(wanted)))
}

/// Whether an error has a code. Servers before 7.0 report those of commands in scripts as text
/// inside the script's own, and in a pipeline each command has an error of its own.
fn says(error: &RedisError, code: &str) -> bool {
    let says = |has: Option<&str>, detail: Option<&str>| {
        has == Some(code) || detail.is_some_and(|detail| detail.contains(code))
    };
    if says(error.code(), error.detail()) {
        return true;
    }
    let each = error.clone().into_server_errors();
    each.is_some_and(|each| {
        let mut each = each.iter();
        each.any(|(_, error)| says(Some(error.code()), error.details()))
    })
}

pub(super) fn foreign() -> Error {
    Error::new(
        ErrorKind::Foreign,
        "a key of this cache holds data of another type, which was left alone; \
         give the cache another name or prefix, or remove that key",
    )
}
