//! The error of the cache itself: opaque, with kinds and predicates for what callers do about it.
//!
//! Imports nothing: it is the lowest wing.
//! Start with [`Error`]; [`Fault`] is what circuit breakers make of it.

mod fault;

use std::borrow::Cow;
use std::fmt;

pub(crate) use self::fault::Fault;

/// What went wrong in the cache itself: in building one, or in asking it something directly.
///
/// A cached method never returns this. Its own error type is the user's alone; trouble with the
/// cache is counted in [`Stats`](crate::Stats) and the method runs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    fault: Fault,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`], for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong; the message says which and what to write instead.
    Config,
    /// The store did not answer in time, or at all.
    Unavailable,
    /// The server answered with an error: no permission, out of memory, read only.
    Server,
    /// There is data that this cache did not write under one of its keys; it was left alone.
    Foreign,
    /// A value could not be encoded.
    Encode,
    /// The arguments of a call could not be turned into a key.
    Key,
    /// A fencing token was given to the handle of another entry.
    Token,
    /// A value is larger than the limit of an entry.
    TooLarge,
    /// The cache was closed.
    Closed,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            fault: match kind {
                ErrorKind::Unavailable => Fault::Failed,
                _ => Fault::Answered,
            },
            source: None,
        }
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// The same error for another waiting call, without the source.
    pub(crate) fn again(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            fault: self.fault,
            source: None,
        }
    }

    pub(crate) fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// What this says about the endpoint that it came from.
    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether the server may have done what was asked: it was not refused, and may have been sent.
    pub(crate) fn may_have_executed(&self) -> bool {
        self.fault == Fault::Failed
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Which kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a setting has to be changed: trying again will not help.
    pub fn is_config(&self) -> bool {
        self.kind == ErrorKind::Config
    }

    /// Whether the store could not be reached in time: trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Closed)
    }

    /// Whether there is data of another program under a key of this cache.
    pub fn is_foreign(&self) -> bool {
        self.kind == ErrorKind::Foreign
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Unavailable => "unavailable",
            Self::Server => "server",
            Self::Foreign => "foreign",
            Self::Encode => "encode",
            Self::Key => "key",
            Self::Token => "token",
            Self::TooLarge => "too large",
            Self::Closed => "closed",
        })
    }
}
