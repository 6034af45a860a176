//! Whether the store answers: for checks of readiness and health.

use std::future::pending;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Cache;
use crate::error::{Error, ErrorKind};
use crate::rt::{backoff, timeout};
use crate::store::{Availability, StoreHealth, StoreKind};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What is known of a cache without asking its store: [`Cache::health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether look-ups are sent to the store. In a cluster: to all of its nodes.
    pub reads: Availability,
    /// The same for all that changes the store: leases, puts, invalidations. Without look-ups nothing is stored either.
    pub writes: Availability,
    /// Where entries are kept.
    pub store: StoreKind,
    /// Whether calls use the cache: [`Cache::set_enabled`].
    pub enabled: bool,
    /// Whether declared invalidations wait for the store. Calls of what they name do not read it until they are sent:
    /// [`Stats::queued`](crate::Stats::queued).
    pub invalidations_pending: bool,
}

impl Cache {
    /// What calls have found of the store, without asking it: whether a circuit breaker is open.
    ///
    /// Before anything was asked, it is available. That calls do without the cache is no reason to restart a process:
    /// show this where people look, and use [`ready`](Self::ready) where traffic should wait.
    ///
    /// ```
    /// use redis_func_cache::{Availability, Cache};
    ///
    /// let cache = Cache::builder("shop").build()?;
    /// assert_eq!(cache.health().reads, Availability::Available);
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn health(&self) -> Health {
        let StoreHealth { reads, writes } = self.0.store().health();
        Health {
            reads,
            writes,
            store: self.store_kind(),
            enabled: self.is_enabled(),
            invalidations_pending: !self.0.invalidations().is_empty(),
        }
    }

    /// Waits until the store answers a [`ping`](Self::ping), for a check of readiness: it tries again until this time has
    /// passed. The memory store is ready at once.
    ///
    /// # Errors
    /// The store has not answered within this time; the error is that of the last `ping`. The cache was closed.
    ///
    /// # Concurrency
    /// Each caller sends requests of its own.
    pub async fn ready(&self, timeout: Duration) -> Result<(), Error> {
        let until = Instant::now().checked_add(timeout);
        let left = || match until {
            Some(until) => until.saturating_duration_since(Instant::now()),
            None => Duration::MAX,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let at_most = self.ping_timeout().min(left());
            let Err(error) = self.0.store().ping(at_most).await else {
                return Ok(());
            };
            if error.kind() == ErrorKind::Closed || left().is_zero() {
                return Err(error);
            }
            let wait = backoff::jittered(pause).min(left());
            timeout::within(wait, pending::<()>()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
