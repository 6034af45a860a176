//! Counters of what calls do, and their snapshot; with the feature `metrics`, what exporters are given.
//!
//! Each event is counted once for its method, in shards that threads do not share. Imports `rt` and `error`.
//! Start with [`outcome`]: what becomes of a call.

pub(crate) mod metrics;
pub(crate) mod outcome;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::rt::shard::{SHARDS, shard};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What has happened in a cache, in one of its methods, or in one scope: a snapshot.
        ///
        /// Counters start at zero with the process and only grow. They count this process. Of a batch method each id
        /// counts as a call does, but for `count` and `exec`.
        ///
        /// An execution for the cache ends in one of `write`, `failed`, `refused`, `too_large`, `unencodable`, `misfit`,
        /// `fenced`, `unstored`, `read_only`, `elsewhere` and `cancelled`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// The counters with their names, in the order of the fields.
            ///
            /// ```
            /// use redis_func_cache::Stats;
            ///
            /// let names: Vec<_> = Stats::default().iter().map(|(name, _)| name).collect();
            /// assert_eq!(names[..4], ["count", "read", "hit", "miss"]);
            /// ```
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        impl std::ops::AddAssign for Stats {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        /// The live counters behind a [`Stats`].
        #[derive(Default)]
        pub(crate) struct Counters([Shard; SHARDS]);

        /// What some of the threads have counted, in the order of [`Event`], on cache lines of its
        /// own: threads that write to the same one wait for each other.
        #[repr(align(128))]
        struct Shard([AtomicU64; Stats::EVENTS]);

        impl Default for Shard {
            fn default() -> Self {
                Self([const { AtomicU64::new(0) }; Stats::EVENTS])
            }
        }

        impl Stats {
            const EVENTS: usize = [$(Event::$name),*].len();
        }

        /// One of the counters.
        #[derive(Debug, Clone, Copy)]
        #[allow(non_camel_case_types)] // named as the fields they stand for
        pub(crate) enum Event {
            $($name,)*
        }

        impl Counters {
            /// Returns what this thread's shard had counted before.
            #[inline]
            pub(crate) fn add(&self, event: Event, n: u64) -> u64 {
                let Shard(shard) = &self.0[shard()];
                shard[event as usize].fetch_add(n, Ordering::Relaxed)
            }

            pub(crate) fn snapshot(&self) -> Stats {
                let sum = |event| {
                    let shards = self.0.iter();
                    shards.map(|Shard(shard)| shard[event as usize].load(Ordering::Relaxed)).sum()
                };
                Stats {
                    $($name: sum(Event::$name),)*
                }
            }
        }
    };
}

counters! {
    /// Calls of cached methods.
    count,
    /// Look-ups in the store.
    read,
    /// Calls answered from the cache.
    hit,
    /// Look-ups that found nothing usable.
    miss,
    /// Runs of the methods themselves.
    exec,
    /// Values stored.
    write,
    /// Entries that the policy evicted to make room.
    evicted,
    /// Calls that shared another call's computation.
    coalesced,
    /// Calls answered with a value past its soft expiry.
    stale,
    /// Failures of the cache: the store did not answer or refused, a value could not be stored.
    error,
    /// Calls that passed the cache by: a mode switched it off, the arguments could not be a key, or the entry is invalidated by the transaction that the call is part of ([`after_commit`](crate::Cache::after_commit)).
    bypass,
    /// Entries found that could not be read: foreign bytes, another codec, another type.
    undecodable,
    /// Declared invalidations that could not be sent at once, and are sent again until the store has taken them.
    queued,
    /// Declared invalidations that were given up, as the cache was closed.
    lost,
    /// Tags that pairs have forgotten, as more than 10,000 were invalidated: what was computed before those were counts
    /// as invalidated ([`Cache::tag`](crate::Cache::tag)).
    forgotten_tags,
    /// Look-ups that found no entry, or one that was invalidated together with others.
    absent,
    /// Look-ups that found an entry past its expiry.
    expired,
    /// Calls that ran their method, after they had found nothing usable.
    led,
    /// Calls that ran their method because the store could not be asked.
    unavailable,
    /// Calls that ran their method while the cache was switched off by [`set_enabled`](crate::Cache::set_enabled).
    disabled,
    /// Calls whose future was dropped before they had an answer.
    cancelled,
    /// Executions that failed: the method returned `Err` or panicked.
    failed,
    /// Values that were not to be stored: `cache_if` refused them, or their TTL was zero.
    refused,
    /// Values that were not stored because they have more than `max_entry_bytes`.
    too_large,
    /// Values that were not stored because the codec cannot encode them.
    unencodable,
    /// Values of batch methods that were not stored because they did not fit the ids.
    misfit,
    /// Values that were not stored because an invalidation or a later execution had overtaken them.
    fenced,
    /// Values that were not stored because the store could not be asked, or refused them.
    unstored,
    /// Values that were not stored because the mode was read-only.
    read_only,
    /// Values that were not stored because another call of this process was to store the same entry.
    elsewhere,
    /// Refreshes that failed: the method failed, or its value could not be stored. The old value stays.
    refresh_failed,
    /// Bytes of the values that were stored, as they were stored.
    stored_bytes,
    /// The time that hits have saved, in microseconds: what the executions had taken that computed the values.
    saved_us,
}

/// How long things have taken: how many there were, and their sum.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    count: AtomicU64,
    sum_ns: AtomicU64,
}

impl Durations {
    pub(crate) fn record(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> DurationSum {
        DurationSum {
            count: self.count.load(Ordering::Relaxed),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

/// A snapshot of [`Durations`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DurationSum {
    pub(crate) count: u64,
    pub(crate) sum_ns: u64,
}

impl DurationSum {
    /// `None` if there were none.
    pub(crate) fn mean(self) -> Option<Duration> {
        self.sum_ns
            .checked_div(self.count)
            .map(Duration::from_nanos)
    }
}

impl std::ops::AddAssign for DurationSum {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
