//! What all calls of one cache share: the store, the methods bound to it, executions under way, counters.
//!
//! Imports `method`, `store` and what is below them. Start with [`single_flight`]: calls joined on one execution.

pub(crate) mod detached;
pub(crate) mod scope;
pub(crate) mod single_flight;
