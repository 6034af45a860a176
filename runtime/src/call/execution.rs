//! A method that runs, as its call knows it.

use std::time::Instant;

use crate::engine::scope::Scope;
use crate::engine::single_flight::JoinMark;
use crate::method::bulkhead::BulkheadPermit;

/// A method that runs.
pub(crate) struct Execution {
    pub(super) scope: Scope,
    pub(super) started: Instant,
    /// The followers that had joined before: the value is as new as their calls.
    pub(super) joined_before: Option<JoinMark>,
    /// Held until the call has ended.
    pub(super) _permit: BulkheadPermit,
}
