//! The claims and puts that wait to be sent over a write pipeline, and what is under way.

use std::collections::VecDeque;
use std::time::Instant;

use super::claims::QueuedClaim;
use super::puts::QueuedPut;
use crate::error::{Error, Fault};

/// Callers that may wait; more than that are refused.
const LONGEST: usize = 32_768;

#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    pub(super) is_open: bool,
    pub(super) claims: Vec<QueuedClaim>,
    pub(super) puts: VecDeque<QueuedPut>,
    /// The requests under way, and when their replies are late. What comes while one of its kind is goes together
    /// with the next.
    pub(super) under_way: VecDeque<(WriteKind, Instant)>,
}

/// What a request consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteKind {
    Claims,
    Puts,
}

impl WriteQueue {
    pub(super) fn is_under_way(&self, kind: WriteKind) -> bool {
        self.under_way.iter().any(|(sent, _)| *sent == kind)
    }

    pub(super) fn has_waiters(&self) -> bool {
        (!self.is_under_way(WriteKind::Claims) && !self.claims.is_empty())
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
}
