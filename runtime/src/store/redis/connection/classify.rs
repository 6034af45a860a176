//! Classifying errors: from those of the redis crate to ours, which repeat nothing that was sent.

use std::sync::Arc;

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use super::refusal;
use super::refusal::Refusal;
use crate::error::{Error, ErrorKind, Fault};

const REFUSALS: [&str; 8] = [
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    // Where a script runs a command that the user may not run: since 8.0, and before.
    "ACL failure in script",
    "The user executing the script",
];
const REDIRECTIONS: [&str; 4] = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"];
const REFUSALS_OF_WRITES: [&str; 3] = ["OOM", "MISCONF", "NOREPLICAS"];

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no connection, because the last attempt failed.
    Refused(Arc<Refusal>),
    /// The connection was lost, and the first attempt to replace it is under way.
    Reconnecting,
    Closed,
    /// An error instead of a reply.
    Reply(RedisError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Reply(error)
    }
}

impl Failure {
    pub(crate) fn is_no_script(&self) -> bool {
        self.is(ServerErrorKind::NoScript)
    }

    /// Whether the keys of the command are on two nodes, as while their slot is being moved.
    pub(crate) fn is_try_again(&self) -> bool {
        self.is(ServerErrorKind::TryAgain)
    }

    fn is(&self, kind: ServerErrorKind) -> bool {
        matches!(self, Self::Reply(error) if error.kind() == Kind::Server(kind))
    }

    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Refused(refusal) => refusal.error(),
            Self::Reconnecting => {
                Error::unavailable("the connection was lost and is being replaced")
                    .with_fault(Fault::Nothing)
            }
            Self::Closed => {
                let error = Error::new(ErrorKind::Closed, "the cache is closed");
                error.with_fault(Fault::Nothing)
            }
            Self::Reply(error) => crate::store::redis::connection::classify::error(error),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error()
    }
}

/// Whether the connection cannot be used any more: the next call needs another one.
pub(crate) fn is_end_of_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped()
}

/// The server's own text may quote arguments, so it is left out: its code says enough.
fn error(error: &RedisError) -> Error {
    if says(error, "WRONGTYPE") {
        return foreign();
    }
    let fault = fault(error);
    if error.is_timeout() {
        return Error::unavailable("the store did not answer in time").with_fault(fault);
    }
    let said = match error.kind() {
        Kind::Server(_) | Kind::Extension => Error::new(ErrorKind::Server, refusal::cause(error)),
        _ => Error::unavailable(format!("the store failed: {}", refusal::cause(error))),
    };
    said.with_fault(fault)
}

pub(crate) fn fault(error: &RedisError) -> Fault {
    match error.kind() {
        Kind::Client => Fault::Nothing,
        Kind::AuthenticationFailed | Kind::InvalidClientConfig => Fault::Refused,
        Kind::Parse => Fault::Garbled,
        Kind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::TryAgain) => {
            Fault::Moved
        }
        Kind::Server(_) | Kind::Extension => fault_of_answer(|code| says(error, code)),
        _ if error.is_connection_refusal() => Fault::Refused,
        _ => Fault::Failed,
    }
}

fn fault_of_answer(says: impl Fn(&str) -> bool) -> Fault {
    let says_one_of = |codes: &[&str]| codes.iter().any(|code| says(code));
    if says("READONLY") {
        return Fault::IsReplica;
    }
    if says_one_of(&REFUSALS_OF_WRITES) {
        return Fault::RefusesWrites;
    }
    if says_one_of(&REFUSALS) || says("unknown command") {
        return Fault::Refused;
    }
    if says("BUSY") {
        return Fault::Failed;
    }
    Fault::Answered
}

/// The error for the text of an error reply, where the redis crate does not parse it.
pub(crate) fn refused(text: &str) -> Error {
    let code = text.split(' ').next().unwrap_or_default();
    // Servers before 7.0 report the error of a command as text inside the script's own.
    if text.contains("WRONGTYPE") {
        return foreign();
    }
    if REDIRECTIONS.contains(&code) {
        return Error::new(ErrorKind::Server, code.to_owned()).with_fault(Fault::Moved);
    }
    Error::new(ErrorKind::Server, refusal::cause_of_code(code, text))
        .with_fault(fault_of_answer(|wanted| text.contains(wanted)))
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

pub(crate) fn foreign() -> Error {
    Error::new(
        ErrorKind::Foreign,
        "a key of this cache holds data of another type, which was left alone; \
         give the cache another name or prefix, or remove that key",
    )
}
