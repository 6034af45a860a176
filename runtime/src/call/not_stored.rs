//! Why the value of a call is not stored.

use super::lease::FenceCheck;
use crate::engine::Engine;
use crate::engine::scope::Mode;
use crate::error::{Error, ErrorKind};
use crate::method::cacheability::Cacheability;
use crate::stats::outcome::NotStored;
use crate::store::AcceptEntry;

/// Of a call that passes the cache by, as it has no key.
pub(super) fn without_key(engine: &Engine, is_bound: bool, mode: Mode) -> NotStored {
    if !is_bound {
        NotStored::Options
    } else if mode != Mode::OFF {
        NotStored::Key
    } else if engine.is_enabled() {
        NotStored::Mode
    } else {
        NotStored::Disabled
    }
}

/// Of a value that is not cacheable.
pub(crate) fn uncacheable(cacheability: &Cacheability) -> NotStored {
    match cacheability {
        Cacheability::For(_) => NotStored::ZeroTtl,
        Cacheability::Cacheable
        | Cacheability::Uncacheable
        | Cacheability::Error(_)
        | Cacheability::Failed => NotStored::Refused,
        Cacheability::Tagged(tagged) => uncacheable(&tagged.0),
    }
}

/// Of a computation without a lease. `accept` says whether the store could be asked for one.
pub(super) fn without_lease(mode: Mode, accept: Option<AcceptEntry>) -> NotStored {
    match accept {
        _ if !mode.write => NotStored::Mode,
        None => NotStored::Store,
        Some(_) => NotStored::Elsewhere,
    }
}

/// Of a value that makes no entry.
pub(crate) fn unstorable(error: &Error) -> NotStored {
    match error.kind() {
        ErrorKind::TooLarge => NotStored::TooLarge,
        _ => NotStored::Unencodable,
    }
}

/// What the store has said of a put.
pub(super) fn after_put(check: FenceCheck) -> Option<NotStored> {
    match check {
        FenceCheck::Passed => None,
        FenceCheck::Fenced => Some(NotStored::Fenced),
        FenceCheck::Unknown => Some(NotStored::Store),
    }
}
