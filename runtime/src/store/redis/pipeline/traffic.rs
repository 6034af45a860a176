//! What goes over a pipeline.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::resp::ProtocolError;

/// Requests made of what callers have queued, and the replies to them.
pub(crate) trait Traffic: Send + Sync + 'static {
    /// A request that has been sent, and who waits for the reply.
    type Sent: Send;
    /// How far the reply to the oldest request has been parsed.
    type Parser: Default + Send;
    /// A reply that is complete.
    type Reply;

    /// Requests under way: the server works on one while the next one is made.
    const REQUESTS: usize;
    /// After so many late replies in a row the connection counts as dead: a half-open one never says so.
    const MOST_LATE: u32;

    /// Whether a request could be made.
    fn has_waiters(&self) -> bool;

    /// Makes a request and writes it. `None` if what waits cannot be sent yet.
    fn next(&self, turn: usize, out: &mut BytesMut) -> Option<Self::Sent>;

    /// Continues to parse a reply in the bytes that have arrived: `Ok(Err(n))` if at least `n` more are needed.
    /// A complete one comes with where it ends.
    #[allow(clippy::type_complexity)]
    fn parse(
        &self,
        parser: &mut Self::Parser,
        sent: &Self::Sent,
        bytes: &[u8],
    ) -> Result<Result<(usize, Self::Reply), usize>, ProtocolError>;

    /// Gives the reply to those that wait, and returns how many there were. `None` if the store is gone.
    fn deliver(&self, sent: Self::Sent, reply: Self::Reply, bytes: Bytes) -> Option<usize>;

    /// The connection is up: callers may queue.
    fn open(&self);

    /// The connection is lost: refuses callers, and fails those that wait.
    fn close(&self);

    /// Ends the waits of callers that have timed out.
    fn expire(&self, now: Instant) -> Waiters;
}

/// Who waits for a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiters {
    /// Some had timed out.
    pub(crate) were_late: bool,
    /// Some are left, or replies are.
    pub(crate) are_left: bool,
}
