//! The claims and puts that wait to be sent over a write pipeline, and what is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::claims::QueuedClaim;
use super::puts::QueuedPut;
use crate::error::{Error, Fault};
use crate::store::Pair;

/// Callers that may wait; more than that are refused.
const LONGEST: usize = 32_768;

#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    pub(super) is_open: bool,
    pub(super) claims: Vec<QueuedClaim>,
    pub(super) puts: VecDeque<QueuedPut>,
    /// Pairs whose keys of leases are to be given their ends.
    pub(super) unended: Vec<Arc<Pair>>,
    /// They have waited for another request to go along with, or one is being made.
    pub(super) ends_are_due: bool,
    /// The requests under way, and when their replies are late. What comes while one of its kind is goes together
    /// with the next.
    pub(super) under_way: VecDeque<(WriteKind, Instant)>,
}

/// What a request consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteKind {
    Claims,
    Puts,
    Ends,
}

impl WriteQueue {
    pub(super) fn is_under_way(&self, kind: WriteKind) -> bool {
        self.under_way.iter().any(|(sent, _)| *sent == kind)
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.ends_are_due
            || (!self.is_under_way(WriteKind::Claims) && !self.claims.is_empty())
            || (!self.is_under_way(WriteKind::Puts) && !self.puts.is_empty())
    }

    /// Adds claims. Returns whether the I/O task has to be woken.
    pub(super) fn push_claims(&mut self, claims: Vec<QueuedClaim>) -> Result<bool, Error> {
        if self.claims.len() >= LONGEST {
            return Err(
                Error::unavailable("too many calls wait for the store").with_fault(Fault::Refused)
            );
        }
        let wakes = self.claims.is_empty();
        self.claims.extend(claims);
        Ok(wakes)
    }

    /// A key of leases that has just been made has no end.
    pub(super) fn end_leases_of(&mut self, pair: Arc<Pair>) {
        if !self.unended.iter().any(|known| known.stem == pair.stem) {
            self.unended.push(pair);
        }
    }
}
