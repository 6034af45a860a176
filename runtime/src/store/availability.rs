//! Whether a store takes requests, as calls have found it.

use serde::Serialize;

/// Whether requests are sent to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// They are, as far as is known.
    Available,
    /// They are not: a circuit breaker is open, or the cache was closed. Calls run their methods.
    Unavailable,
}

impl Availability {
    pub(crate) fn unless(is_unavailable: bool) -> Self {
        if is_unavailable {
            Self::Unavailable
        } else {
            Self::Available
        }
    }
}

/// Of look-ups, and of all that changes the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreHealth {
    pub(crate) reads: Availability,
    pub(crate) writes: Availability,
}

impl StoreHealth {
    /// Of a store without breakers.
    pub(crate) fn unless_closed(is_closed: bool) -> Self {
        Self {
            reads: Availability::unless(is_closed),
            writes: Availability::unless(is_closed),
        }
    }
}
