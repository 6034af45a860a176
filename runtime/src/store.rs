//! Where entries live: Redis, or the memory of this process. Both give the same answers.

pub(crate) mod memory;
pub(crate) mod redis;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::entry::Unstamped;
use crate::error::Error;
use crate::field::Field;
use crate::layout::Names;
use crate::method::Pair;
use crate::policy::Policy;

/// What a look-up found, with the server's clock at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) now_us: u64,
    /// A slice of what the server sent, or bytes of its own.
    pub(crate) entry: Option<Bytes>,
    /// What the pair has left to live; `None` if it has no end. Only a peek says it.
    pub(crate) pair_ms: Option<u64>,
}

/// An entry on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) field: Field,
    pub(crate) entry: Unstamped,
    /// Life of the entry; 0 for as long as the pair lives.
    pub(crate) ttl_ms: u64,
}

/// The operations on pairs. Every one ends within its deadline, with an error if it must.
#[async_trait]
pub(crate) trait Store: Send + Sync + fmt::Debug {
    /// Looks an entry up and records the hit with the policy, as the pair's `touch` says.
    async fn get(&self, pair: &Arc<Pair>, field: Field, deadline: Duration)
    -> Result<Found, Error>;

    /// The store itself where it is Redis: its plain reads need no box for their future.
    fn reader(&self) -> Option<&redis::Redis> {
        None
    }

    /// Looks an entry up and changes nothing.
    async fn peek(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<Found, Error>;

    /// Stores an entry, evicting what the policy says. Returns how many entries were evicted.
    async fn put(&self, pair: &Arc<Pair>, put: Put, deadline: Duration) -> Result<u64, Error>;

    /// Removes entries. Returns how many there were.
    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        deadline: Duration,
    ) -> Result<u64, Error>;

    /// Removes the entries with this method tag. Returns how many there were.
    async fn delete_method(&self, pair: &Arc<Pair>, tag: u64) -> Result<u64, Error>;

    /// Removes a pair. Returns how many entries it held.
    async fn delete_pair(&self, pair: &Arc<Pair>) -> Result<u64, Error>;

    /// Counts the entries of all pairs of a cache.
    async fn len(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// Removes all pairs of a cache. Returns how many entries they held.
    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error>;

    /// How many recorded hits could not be sent.
    fn dropped_touches(&self) -> u64 {
        0
    }

    /// Gives connections back.
    async fn close(&self);
}

/// The keys of one cache: its names, and the policies they may have.
#[derive(Debug, Clone)]
pub(crate) struct KeySpace {
    pub(crate) names: Names,
    pub(crate) policies: Vec<Policy>,
}

/// The clock of entries: the server's, but for tests that move it by hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(pub(crate) Option<Arc<AtomicU64>>);

impl Clock {
    /// Microseconds to force upon the store; 0 where the store's own clock counts.
    pub(crate) fn forced_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |us| us.load(Ordering::SeqCst))
    }
}
