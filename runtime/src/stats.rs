//! Counters of what calls do, and their snapshot.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rt::shard::{SHARDS, shard};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What has happened in a cache, in one of its methods, or in one scope: a snapshot.
        ///
        /// Counters start at zero with the process and only grow. They count this process.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
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
        #[derive(Default)]
        #[repr(align(128))]
        struct Shard([AtomicU64; Stats::EVENTS]);

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
            #[inline]
            pub(crate) fn add(&self, event: Event, n: u64) {
                let Shard(shard) = &self.0[shard()];
                shard[event as usize].fetch_add(n, Ordering::Relaxed);
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
    /// Calls that passed the cache by: a mode or [`set_enabled`](crate::Cache::set_enabled) switched it off, the arguments could not be a key, or the entry is
    /// invalidated by the transaction that the call is part of ([`after_commit`](crate::Cache::after_commit)).
    bypass,
    /// Entries found that could not be read: foreign bytes, another codec, another type.
    undecodable,
    /// Declared invalidations that could not be sent at once, and are sent again until the store has taken them.
    queued,
    /// Declared invalidations that were given up, as the cache was closed.
    lost,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
