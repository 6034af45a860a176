//! Everything that changes entries: recorded hits, leases, puts, removals.
//!
//! Imports `health`, `script` and `connection`. Start with [`put`].

pub(crate) mod discard;
pub(crate) mod hits;
pub(crate) mod lease;
pub(crate) mod put;
pub(crate) mod removal;
pub(crate) mod scan;
