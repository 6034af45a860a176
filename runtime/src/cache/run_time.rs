//! What an operator changes while the process runs.

use std::time::Duration;

use super::Cache;
use crate::error::Error;
use crate::settings;

impl Cache {
    /// Switches the cache off in this process, or on again: a kill switch, for incidents.
    ///
    /// From now on calls run their methods, read nothing from the store and write nothing to it; they count as
    /// [`bypass`](crate::Stats::bypass). Invalidations are still sent, so that entries are true when the cache is
    /// switched on again; what a method [updates](macro@crate::updates) is invalidated. Handles work as before.
    ///
    /// A change is logged at `warn`. Every clone of this cache is switched; other processes are not.
    ///
    /// # Concurrency
    /// Calls that have begun go on as they began.
    ///
    /// ```
    /// # use redis_func_cache::Cache;
    /// let cache = Cache::builder("shop").build()?;
    /// cache.set_enabled(false);
    /// assert!(!cache.is_enabled());
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn set_enabled(&self, enabled: bool) {
        if self.0.set_enabled(enabled) {
            tracing::warn!(
                cache = self.name(),
                enabled,
                "redis-func-cache: the cache was switched at run time; while it is off, every call runs its method"
            );
        }
    }

    /// Whether calls use the cache: `true` unless [`set_enabled`](Self::set_enabled) has switched it off.
    pub fn is_enabled(&self) -> bool {
        self.0.is_enabled()
    }

    /// Sets how long entries of a method live, in place of its `ttl`, in this process and until it ends. The method is named
    /// by its path or name, as in [`method_stats`](Self::method_stats): `shop::UserRepo::find`.
    ///
    /// It holds for what is stored from now on. Entries that are there already are served no longer than they would be
    /// with this TTL, unless the method has a `ttl_fn`: that goes before any `ttl`. It is logged at `warn`.
    ///
    /// # Errors
    /// No method of this path was called through this cache in this process; the message names the nearest ones. The TTL
    /// is shorter than a millisecond, or longer than 100 years.
    ///
    /// # Concurrency
    /// Calls that are running may still store with the old TTL. Of two settings at the same time, one holds.
    pub fn set_ttl(&self, site: &str, ttl: Duration) -> Result<(), Error> {
        let ttl = settings::check_new_ttl(ttl)?;
        let before = self.0.set_ttl(site, settings::ms(ttl))?;
        tracing::warn!(
            cache = self.name(),
            method = site,
            ttl_ms = settings::ms(ttl),
            before_ms = before,
            "redis-func-cache: the TTL of a method was set at run time"
        );
        Ok(())
    }

    /// Sets how many entries the pair of a method holds at the most, in this process and until it ends. Methods that share the
    /// pair share the bound. It is logged at `warn`.
    ///
    /// The next put of this process evicts what is over the bound. Other processes keep the bound that they have.
    ///
    /// # Errors
    /// As of [`set_ttl`](Self::set_ttl); or the bound is not from 1 to 1,000,000,000.
    pub fn set_maxsize(&self, site: &str, maxsize: u64) -> Result<(), Error> {
        let maxsize = settings::check_maxsize(maxsize)?;
        let before = self.0.set_maxsize(site, maxsize)?;
        tracing::warn!(
            cache = self.name(),
            method = site,
            maxsize,
            before,
            "redis-func-cache: the bound of a method was set at run time"
        );
        Ok(())
    }
}
