//! What becomes of invalidations that cannot be sent.

use std::sync::Arc;

use super::CacheBuilder;
use crate::engine::lost_invalidation::{LossListener, LostInvalidation};

impl CacheBuilder {
    /// How many entries may wait to be invalidated while the store is unavailable.
    ///
    /// Declared invalidations (`#[invalidates(..)]`, [`after_commit`](crate::Cache::after_commit)) that could not be sent wait in
    /// a queue, and are sent again until the store has taken them. Calls of these entries do not read the store before
    /// that: they run their methods, and what those return is shared with calls at the same time and not stored. Beyond
    /// this bound, the methods with the most entries in the queue are invalidated as a whole: all of their calls run
    /// the method until that has been sent. With 0, that holds for every method from the first one on.
    ///
    /// The queue belongs to this process: if it ends, what waits is lost, and the `ttl` is the bound.
    pub fn invalidation_queue(mut self, at_most: usize) -> Self {
        self.invalidation_queue = at_most;
        self
    }

    /// Calls this with every declared invalidation that is given up: those that wait in the
    /// [queue](Self::invalidation_queue) when the cache is [closed](crate::Cache::close) and cannot be sent within a second,
    /// and those that fail after that.
    ///
    /// They are counted in [`Stats::lost`](crate::Stats::lost) and logged as well. It must not block.
    ///
    /// ```
    /// use redis_func_cache::{Cache, LostInvalidation};
    ///
    /// fn page(lost: &LostInvalidation) {
    ///     eprintln!("entries of {} may be out of date: {}", lost.method(), lost.kind());
    /// }
    ///
    /// let cache = Cache::builder("shop").on_lost_invalidation(page).build()?;
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn on_lost_invalidation(
        mut self,
        report: impl Fn(&LostInvalidation) + Send + Sync + 'static,
    ) -> Self {
        self.on_lost_invalidation = LossListener(Arc::new(report));
        self
    }
}
