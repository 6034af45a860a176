//! A method as one cache sees it: every option decided.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::bulkhead::Bulkhead;
use super::descriptor::Declaration;
use super::entry_ttl::EntryTtl;
use super::freshness::Freshness;
use super::options::Defaults;
use crate::entry::codec::Codec;
use crate::entry::header::Times;
use crate::error::Error;
use crate::key::digest::MethodKey;
use crate::key::names::Layout;
use crate::settings;
use crate::stats::metrics::MethodMetrics;
use crate::stats::{Counters, Durations};
use crate::store::maxsize::MaxSizes;
use crate::store::{DeclaredTags, IndexMembership, Pair};

/// How long calls wait for an execution, at least and at the most.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
/// A lease that is not renewed ends sooner.
const SHORTEST_LEASE_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A method as one cache sees it: every option decided.
#[derive(Debug)]
pub(crate) struct BoundMethod {
    /// Its path, or the name of a function.
    pub(crate) site: Cow<'static, str>,
    pub(crate) pair: Arc<Pair>,
    pub(crate) key: MethodKey,
    /// Whether the pair holds entries of this method only.
    pub(crate) owns_pair: bool,
    ttl: EntryTtl,
    pub(crate) freshness: Freshness,
    /// Whether its entries may stand for errors.
    pub(crate) caches_errors: bool,
    pub(crate) codec: Codec,
    pub(crate) counters: Counters,
    pub(crate) metrics: MethodMetrics,
    /// How long executions have taken that have ended.
    pub(crate) execution_times: Durations,
    /// How long some of the hits have taken.
    pub(crate) hit_times: Durations,
    /// Limits concurrent executions while the store is unavailable.
    pub(crate) bulkhead: Bulkhead,
    /// How long an execution takes, in microseconds: a moving average.
    average_us: AtomicU64,
    /// Whether a value was seen that can never be stored.
    has_unstorable: AtomicBool,
    /// Whether a batch has returned what does not fit its ids.
    has_misfit: AtomicBool,
    /// Whether a label could not be made.
    has_unlabeled: AtomicBool,
}

/// A reference to a bound method. It counts references only where it must: all calls of a method would
/// write to the same counter.
#[derive(Debug)]
pub(crate) enum BoundRef<'a> {
    Borrowed(&'a Arc<BoundMethod>),
    Shared(Arc<BoundMethod>),
}

impl BoundRef<'_> {
    pub(crate) fn reborrow(&self) -> BoundRef<'_> {
        match self {
            Self::Borrowed(bound) => BoundRef::Borrowed(bound),
            Self::Shared(bound) => BoundRef::Borrowed(bound),
        }
    }

    pub(crate) fn to_arc(&self) -> Arc<BoundMethod> {
        match self {
            Self::Borrowed(bound) => (*bound).clone(),
            Self::Shared(bound) => bound.clone(),
        }
    }

    pub(crate) fn into_arc(self) -> Arc<BoundMethod> {
        match self {
            Self::Borrowed(bound) => bound.clone(),
            Self::Shared(bound) => bound,
        }
    }
}

impl std::ops::Deref for BoundRef<'_> {
    type Target = BoundMethod;

    fn deref(&self) -> &BoundMethod {
        match self {
            Self::Borrowed(bound) => bound,
            Self::Shared(bound) => bound,
        }
    }
}

impl BoundMethod {
    /// In the cache of this name.
    pub(crate) fn new(
        cache: &str,
        declaration: Declaration<'_>,
        defaults: &Defaults,
        maxsizes: &MaxSizes,
    ) -> Result<Self, Error> {
        let Declaration {
            site,
            full_site,
            name,
            fingerprint,
            options,
            policy,
            codec,
            version,
            named_path: _,
        } = declaration;
        let policy = policy.unwrap_or_else(|| defaults.policy.clone());
        let ttl_ms = options.ttl_ms.unwrap_or(defaults.ttl_ms);
        let method = MethodKey::method(&full_site);
        let hash = format!("{method:016x}");
        let own = (options.layout(defaults) == Layout::Multiple).then_some((name, hash.as_str()));
        let stem = defaults.names.stem(&policy, own, options.cluster);
        let freshness = Freshness::new(options, defaults, ttl_ms)?;
        let maxsize = settings::check_maxsize(options.maxsize.unwrap_or(defaults.maxsize))?;
        let maxsize = maxsizes.join(&stem, &site, maxsize);
        let touch = options.touch.unwrap_or(defaults.touch);
        let tags = DeclaredTags {
            names: options.tags,
            of_values: options.has_tags_fn,
            membership: IndexMembership::new(defaults.names.tag_index()),
        };
        let pair = Pair::new(method, stem, policy, defaults.structure, maxsize, touch);
        let mut pair = pair.with_tags(tags);
        if own.is_some() {
            pair = pair.in_index(defaults.names.pair_index());
        }
        Ok(Self {
            metrics: MethodMetrics::new(cache, &site),
            site,
            pair: Arc::new(pair),
            key: MethodKey::new(&full_site, &fingerprint, version),
            owns_pair: own.is_some(),
            ttl: EntryTtl::new(ttl_ms, options.has_ttl_fn),
            freshness,
            caches_errors: options.caches_errors,
            codec: codec.unwrap_or_else(|| defaults.codec.clone()),
            counters: Counters::default(),
            execution_times: Durations::default(),
            hit_times: Durations::default(),
            bulkhead: Bulkhead::new(defaults.fallback_concurrency),
            average_us: AtomicU64::new(0),
            has_unstorable: AtomicBool::new(false),
            has_misfit: AtomicBool::new(false),
            has_unlabeled: AtomicBool::new(false),
        })
    }

    /// How long its entries live, 0 for ever.
    #[inline]
    pub(crate) fn ttl_ms(&self) -> u64 {
        self.ttl.ms()
    }

    /// Sets that at run time, and returns what it was.
    pub(crate) fn set_ttl(&self, ttl_ms: u64) -> u64 {
        self.ttl.set(ttl_ms)
    }

    /// The instants of an entry as they count here: one that was stored before the TTL was shortened at run time
    /// lives no longer than one that is stored now.
    #[inline]
    pub(crate) fn times_here(&self, times: Times) -> Times {
        match self.ttl.cap_ms() {
            0 => times,
            cap_ms => self.freshness.capped(times, cap_ms),
        }
    }

    /// Records how long an execution took, in a moving average.
    pub(crate) fn record_execution(&self, cost: Duration) {
        let cost = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX / 8);
        let average = self.average_us.load(Ordering::Relaxed);
        let next = if average == 0 {
            cost
        } else {
            average - average / 8 + cost / 8
        };
        self.average_us.store(next, Ordering::Relaxed);
    }

    /// Records that a value cannot be stored; returns whether it is the first.
    pub(crate) fn is_first_unstorable(&self) -> bool {
        !self.has_unstorable.swap(true, Ordering::Relaxed)
    }

    /// Records that a batch returned what does not fit its ids; returns whether it is the first.
    pub(crate) fn is_first_misfit(&self) -> bool {
        !self.has_misfit.swap(true, Ordering::Relaxed)
    }

    /// Records that a label could not be made; returns whether it is the first.
    pub(crate) fn is_first_unlabeled(&self) -> bool {
        !self.has_unlabeled.swap(true, Ordering::Relaxed)
    }

    /// How long followers wait for their leader, before one of them runs the method too.
    pub(crate) fn follower_timeout(&self) -> Duration {
        let average = Duration::from_micros(self.average_us.load(Ordering::Relaxed));
        average.saturating_mul(3).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// How long calls wait for another process that holds the lease.
    pub(crate) fn lease_wait_timeout(&self) -> Duration {
        match self.average_us.load(Ordering::Relaxed) {
            // No execution has ended here yet.
            0 => LONGEST_WAIT,
            _ => self.follower_timeout().max(SHORTEST_LEASE_WAIT),
        }
    }
}

#[cfg(test)]
mod tests;
