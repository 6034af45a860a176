//! A cache for tests of programs: a clock that is moved, a store that fails, a log of calls.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Cache;
use super::builder::CacheBuilder;
use crate::engine::call_log::CallLog;
use crate::error::Error;
use crate::stats::outcome::Outcome;
use crate::store::test_store::TestFaults;
use crate::store::{AnyStore, Clock};

/// A cache in memory for the tests of a program. It is a [`Cache`], also where one is to be given: `&cache`.
///
/// ```
/// use std::time::Duration;
/// use redis_func_cache::{Cache, CacheExt as _, Outcome, cache_impl};
///
/// struct Rates;
///
/// #[cache_impl(ttl = "1h")]
/// impl Rates {
///     fn of(&self, country: &str) -> u32 { 19 }
/// }
///
/// let cache = Cache::test();
/// let rates = Rates.cached(&cache);
/// rates.of("de");
/// rates.of("de");
/// cache.advance(Duration::from_secs(3601));
/// rates.of("de");
/// let outcomes: Vec<_> = cache.calls().into_iter().map(|call| call.outcome).collect();
/// assert_eq!(outcomes, [Outcome::Led, Outcome::Hit, Outcome::Led]);
/// ```
///
/// Chapter: [testing](crate::guide::testing#with-the-test-kit). Clones are the same cache.
#[derive(Clone)]
pub struct TestCache {
    cache: Cache,
    kit: TestKit,
}

/// What a test controls, and what it is shown.
#[derive(Clone, Default)]
pub(in crate::cache) struct TestKit {
    pub(in crate::cache) clock: Clock,
    pub(in crate::cache) faults: Arc<watch::Sender<TestFaults>>,
    pub(in crate::cache) calls: Arc<CallLog>,
}

/// A call of a cached method, as [`TestCache::calls`] lists it. Of a batch there is one for each id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestCall {
    /// Its path or name, as in [`Cache::method_stats`].
    pub method: String,
    /// What has become of it.
    pub outcome: Outcome,
}

impl TestCall {
    /// Its path or name, as in [`Cache::method_stats`].
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What has become of it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl Cache {
    /// An empty cache in memory, with the defaults of the builder, for a test.
    /// With settings: [`CacheBuilder::build_test`].
    #[allow(clippy::missing_panics_doc)] // it never does
    pub fn test() -> TestCache {
        let built = Self::builder("test").build_test();
        built.expect("the defaults are valid")
    }
}

impl CacheBuilder {
    /// [`build`](Self::build) for a test: a cache with these settings in memory, whatever store they name.
    ///
    /// # Errors
    /// As of [`build`](Self::build).
    pub fn build_test(self) -> Result<TestCache, Error> {
        let kit = TestKit::default();
        let cache = self.memory().with_test_kit(kit.clone()).build()?;
        Ok(TestCache { cache, kit })
    }
}

impl TestCache {
    /// Moves the clock of entries forward: what expires meanwhile is gone, or stale.
    ///
    /// In a runtime whose clock is paused (`tokio::time::pause`), entries live by that clock, and this comes on top.
    pub fn advance(&self, by: Duration) {
        self.kit.clock.advance(by);
    }

    /// From now on, what is asked of the store fails: look-ups, `peek`, `len`, `ping`. Or no longer.
    pub fn fail_reads(&self, fail: bool) {
        self.set(|faults| faults.reads_fail = fail);
    }

    /// From now on, what would change the store fails: leases, puts, invalidations. Or no longer.
    ///
    /// Declared invalidations that have failed are sent again, as after an outage.
    pub fn fail_writes(&self, fail: bool) {
        self.set(|faults| faults.writes_fail = fail);
    }

    /// From now on the store answers nothing, like a server that hangs, so that each request waits until its deadline in real
    /// time. Or it goes on, with what it was asked to store meanwhile.
    pub fn freeze(&self, freeze: bool) {
        self.set(|faults| faults.is_frozen = freeze);
        if !freeze && let AnyStore::Test(store) = self.cache.engine().any_store() {
            store.thawed();
        }
    }

    fn set(&self, change: impl FnOnce(&mut TestFaults)) {
        self.kit.faults.send_modify(change);
        self.cache.engine().invalidations().hurry.notify_one();
    }

    /// The calls so far, in the order in which they ended.
    pub fn calls(&self) -> Vec<TestCall> {
        let calls = self.kit.calls.snapshot().into_iter();
        calls
            .map(|(method, outcome)| TestCall { method, outcome })
            .collect()
    }

    /// Removes all entries, forgets the calls, and has the store work again. Statistics and the clock go on.
    ///
    /// # Panics
    /// The cache was closed.
    pub fn reset(&self) {
        self.freeze(false);
        self.set(|faults| *faults = TestFaults::default());
        let purged = crate::rt::blocking::wait(self.cache.purge());
        purged.expect("the cache is open");
        self.kit.calls.clear();
    }
}

impl Deref for TestCache {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

impl fmt::Debug for TestCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCache")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
