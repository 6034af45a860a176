//! What goes over a write pipeline: claims, which begin computations, and puts, which end them.
//!
//! The claims that come together are one transaction for each pair, and the puts one script, so a miss
//! costs little more than the commands that it needs. Reads have connections of their own and never wait
//! for a script. It imports `pipeline`, `script` and `connection`, and reports to the store through
//! [`WriteSink`](context::WriteSink). Start with [`traffic`], then [`claims`] and [`puts`].

pub(crate) mod claims;
pub(crate) mod context;
pub(crate) mod puts;
mod queue;
#[cfg(test)]
mod recording_sink;
mod reply;
pub(crate) mod traffic;
