//! Everything that changes entries: puts, leases, recorded hits, removals.
//!
//! [`leases`], [`put_slots`], [`discards`] and [`hits::pending`] are state that the client holds, and import
//! nothing of the store on Redis. The other files are operations of the client, and import `client`, `health`
//! and `script`. Start with [`put`].

mod discard;
pub(crate) mod discards;
pub(crate) mod hits;
mod lease;
pub(crate) mod leases;
mod put;
pub(crate) mod put_slots;
mod removal;
mod renewal;
mod scan;
