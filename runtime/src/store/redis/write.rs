//! Everything that changes entries: puts, leases, recorded hits, removals.
//!
//! [`leases`], [`put_slots`], [`discards`], [`pipeline`] and [`hits::pending`] are what the client holds, and do not
//! know it. The other files are operations of the client, and import `client`, `health`
//! and `script`. Start with [`put`].

pub(crate) mod claim;
mod discard;
pub(crate) mod discards;
pub(crate) mod hits;
mod index;
mod lease;
pub(crate) mod leases;
mod pair_index;
pub(crate) mod pipeline;
mod put;
pub(crate) mod put_slots;
mod removal;
mod renewal;
mod scan;
mod sink;
mod tags;
