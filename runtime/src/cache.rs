//! The public handles: a cache, its builder, handles on entries, wrappers, scopes.
//!
//! Imports `call`, `engine` and the wings below them.
//! Start here with [`Cache`], then [`builder`] and [`entry_handle`].

mod after_commit;
pub(crate) mod all_entries;
pub(crate) mod builder;
pub(crate) mod by_path;
pub(crate) mod entry_handle;
pub(crate) mod function;
pub(crate) mod health;
pub(crate) mod invalidation;
pub(crate) mod report;
mod run_time;
mod scopes;
pub(crate) mod tag;
#[cfg(feature = "test-util")]
pub(crate) mod test_cache;
pub(crate) mod updates;
pub(crate) mod wrapper;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use self::invalidation::retry;
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::error::Error;
use crate::stats::Stats;
use crate::store::StoreKind;

/// A handle on a cache: cheap to clone, made for sharing between tasks and threads.
///
/// It may be kept in a `static`: connections live on a thread of their own, so one cache serves many
/// runtimes, and threads with none.
///
/// ```
/// use std::time::Duration;
/// use redis_func_cache::{Cache, Policy};
///
/// let cache = Cache::builder("shop")
///     .policy(Policy::LruT)
///     .maxsize(10_000)
///     .ttl(Duration::from_secs(300))
///     .build()?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
#[derive(Clone)]
pub struct Cache(Engine);

impl Cache {
    pub(crate) fn new(engine: Engine) -> Self {
        Self(engine)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }

    /// The name that the cache was built with.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// How many entries the cache holds, all methods and all processes together. An entry that
    /// has expired counts until a put sweeps it out, and so does one that was invalidated together with all
    /// others of its method.
    ///
    /// On Redis this costs two round trips, whatever else is in the database. The first time, and after the index of
    /// pairs has been lost, it scans the keys of the database in small steps, and so it does each time for a user that
    /// may not write that index. A pair of another process that could not be added to it, as its node was
    /// unavailable, is missed until that process computes a value of its again.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn len(&self) -> Result<u64, Error> {
        self.0.store().len(&self.0.key_space()).await
    }

    /// Whether the cache holds no entry: as [`len`](Self::len).
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len().await? == 0)
    }

    /// Removes every entry of this cache, whichever process stored it, and returns how many there
    /// were. The server is never blocked: it is asked in small steps, and frees memory in the background.
    ///
    /// # Concurrency
    /// What was being computed when its pair was removed is not stored: the removal ends all fencing
    /// tokens in the pair. Calls that begin while this goes on may store entries again. After a purge
    /// has returned `Ok`, no call that begins later is given a value from before it. Of two purges at
    /// the same time, each counts the entries that it removed.
    ///
    /// # Errors
    /// The store does not answer; some pairs may be gone already.
    pub async fn purge(&self) -> Result<u64, Error> {
        let purged = self.0.store().purge(&self.0.key_space()).await;
        self.0.flights().detach_all();
        purged
    }

    /// Which kind of store the entries are kept in.
    ///
    /// ```
    /// use redis_func_cache::{Cache, StoreKind};
    ///
    /// let cache = Cache::builder("shop").build()?;
    /// assert_eq!(cache.store_kind(), StoreKind::Memory);
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn store_kind(&self) -> StoreKind {
        self.0.store_kind()
    }

    /// Sends a `PING` and returns how long the answer took, for a check of readiness or health: a
    /// real round trip, whatever mode is on and whether or not calls have given the store up. Where
    /// there is no connection, it tries to make one.
    ///
    /// Behind sentinels the primary is asked. In a cluster every primary is asked at the same time:
    /// the slowest answer counts, and one that fails is an error. The memory store answers at once,
    /// with [`Duration::ZERO`].
    ///
    /// # Errors
    /// The store has not answered within one second (or [`deadline`](crate::CacheBuilder::deadline), if
    /// that is longer), or has answered with an error; the message names its address. The cache was
    /// closed.
    ///
    /// # Concurrency
    /// Each caller sends a `PING` of its own.
    pub async fn ping(&self) -> Result<Duration, Error> {
        self.0.store().ping(self.ping_timeout()).await
    }

    fn ping_timeout(&self) -> Duration {
        self.0.limits().deadline.max(HANDLE_DEADLINE)
    }

    /// Closes the connections. From now on calls on its wrappers run their methods, without the cache.
    ///
    /// Declared invalidations that could not be sent are sent now, where that takes no longer than a second. The rest
    /// is [lost](crate::CacheBuilder::on_lost_invalidation).
    ///
    /// # Concurrency
    /// Calls that are waiting for the store run their methods. Closing twice is harmless.
    pub async fn close(&self) {
        retry::drain(&self.0).await;
        self.0.store().close().await;
    }

    /// What has happened in this process since the cache was built.
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// The same for each method that was called, under its path: `shop::UserRepo::find`; and for each
    /// [`CachedFunction`](crate::CachedFunction) that was built, under its name.
    pub fn method_stats(&self) -> BTreeMap<String, Stats> {
        let mut methods = BTreeMap::<String, Stats>::new();
        for bound in self.0.methods() {
            *methods.entry(bound.site.to_string()).or_default() += bound.counters.snapshot();
        }
        methods
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
