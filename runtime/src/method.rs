//! A cached method as generated code declares it, and as one cache sees it.

pub(crate) mod bulkhead;
pub(crate) mod cacheability;
pub(crate) mod enclosing;
pub(crate) mod freshness;
pub(crate) mod owned_args;
pub(crate) mod return_type;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::bulkhead::Guard;
use self::enclosing::Place;
use self::freshness::Fresh;
use crate::entry::codec::Codec;
use crate::error::Error;
use crate::key::digest::MethodKey;
use crate::key::names::Layout;
use crate::policy::Policy;
use crate::settings;
use crate::settings::{Early, Stampede, StructureTtl, Touch};
use crate::stats::Counters;
use crate::store::maxsize::{MaxSize, MaxSizes};
use crate::store::redis::PairShared;

/// How long calls wait for one that runs the method, at least and at the most.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// A lease that is not renewed ends sooner.
const LEAST_PATIENCE_ABROAD: Duration = Duration::from_secs(4);
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// What the macro knows of a method. One `static` each.
#[derive(Debug)]
pub struct Method {
    site: &'static str,
    name: &'static str,
    fingerprint: [u8; 20],
    options: Options,
    place: Option<Place>,
    /// The binding to the first cache that used this method; others are found in their registry.
    first: OnceLock<(u64, Arc<Bound>)>,
}

/// The options of a method and its block, merged; `None` leaves it to the builder.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The policy.
    pub policy: Option<fn() -> Policy>,
    /// The layout.
    pub layout: Option<Layout>,
    /// Whether the keys are named for a cluster.
    pub cluster: bool,
    /// Entries a pair holds at the most.
    pub maxsize: Option<u64>,
    /// Life of an entry, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Whether a value may say of itself how long it lives.
    pub has_ttl_fn: bool,
    /// How long after its TTL a value may still be served, in milliseconds.
    pub stale_ms: Option<u64>,
    /// How long a call waits for a fresh value before it takes the stale one.
    pub soft_timeout_ms: Option<u64>,
    /// When a value is computed anew before its TTL has passed.
    pub early: Option<Early>,
    /// The thousandths of a TTL that it is shortened by at the most.
    pub jitter_permille: Option<u16>,
    /// How many calls compute one value.
    pub stampede: Option<Stampede>,
    /// The codec.
    pub codec: Option<fn() -> Codec>,
    /// When hits are recorded.
    pub touch: Option<Touch>,
    /// Whatever the user wants in the key.
    pub version: &'static str,
}

impl Options {
    /// No option set.
    pub const NONE: Self = Self {
        policy: None,
        layout: None,
        cluster: false,
        maxsize: None,
        ttl_ms: None,
        has_ttl_fn: false,
        stale_ms: None,
        soft_timeout_ms: None,
        early: None,
        jitter_permille: None,
        codec: None,
        touch: None,
        stampede: None,
        version: "",
    };

    /// A method for which `maxsize` was said has a pair of its own, unless a layout was said: a small
    /// bound must not evict what other methods have stored.
    fn layout(&self, defaults: &Defaults) -> Layout {
        let unsaid = match self.maxsize {
            Some(_) => Layout::Multiple,
            None => Layout::default(),
        };
        self.layout.or(defaults.layout).unwrap_or(unsaid)
    }
}

impl Method {
    /// Declares a method.
    pub const fn new(
        site: &'static str,
        name: &'static str,
        fingerprint: [u8; 20],
        options: Options,
    ) -> Self {
        Self {
            site,
            name,
            fingerprint,
            options,
            place: None,
            first: OnceLock::new(),
        }
    }

    /// Says where the block stands: `T` is a type in it, `in_module` its path if no function is around
    /// it. Methods of types of one name in two functions are then two.
    #[must_use]
    pub const fn within<T>(mut self, in_module: &'static str) -> Self {
        self.place = Some(Place::of::<T>(in_module));
        self
    }

    /// The site, and the function around it.
    fn full_site(&self) -> Cow<'static, str> {
        match self.place.and_then(Place::function) {
            Some(function) => Cow::Owned(format!("{} in {function}", self.site)),
            None => Cow::Borrowed(self.site),
        }
    }

    pub(crate) fn site(&self) -> &'static str {
        self.site
    }

    /// The binding to this cache, if it was the first.
    pub(crate) fn bound_to(&'static self, cache: u64) -> Option<&'static Arc<Bound>> {
        self.first
            .get()
            .filter(|(id, _)| *id == cache)
            .map(|(_, bound)| bound)
    }

    /// Remembers the binding if it is the first.
    pub(crate) fn remember(&self, cache: u64, bound: &Arc<Bound>) {
        // Another cache came first: the registry of the cache is the way then.
        let _ = self.first.set((cache, bound.clone()));
    }
}

/// The two keys that hold a method's entries, and the rules that go with them.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) stem: String,
    pub(crate) ranking: String,
    pub(crate) values: String,
    pub(crate) policy: Policy,
    pub(crate) structure: StructureTtl,
    pub(crate) maxsize: Arc<MaxSize>,
    pub(crate) touch: Touch,
    /// What the store keeps for the pair, found once.
    pub(crate) shared: OnceLock<Arc<PairShared>>,
}

/// A method as one cache sees it: every option decided.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) site: &'static str,
    pub(crate) pair: Arc<Pair>,
    pub(crate) key: MethodKey,
    pub(crate) tag: u64,
    /// Whether the pair holds entries of this method alone.
    pub(crate) alone: bool,
    pub(crate) ttl_ms: u64,
    pub(crate) fresh: Fresh,
    pub(crate) codec: Codec,
    pub(crate) counters: Counters,
    /// Holds runs back while the store is away.
    pub(crate) guard: Guard,
    /// What a run of the method takes, in microseconds: a moving average.
    average_us: AtomicU64,
    /// Whether a value was seen that can never be stored.
    has_unstorable: AtomicBool,
}

/// A way to a binding that counts no references where it need not: all calls of a method would
/// write to the same counter.
#[derive(Debug)]
pub(crate) enum Binding {
    First(&'static Arc<Bound>),
    Other(Arc<Bound>),
}

impl Binding {
    pub(crate) fn to_arc(&self) -> Arc<Bound> {
        match self {
            Self::First(bound) => (*bound).clone(),
            Self::Other(bound) => bound.clone(),
        }
    }

    pub(crate) fn into_arc(self) -> Arc<Bound> {
        match self {
            Self::First(bound) => bound.clone(),
            Self::Other(bound) => bound,
        }
    }
}

impl std::ops::Deref for Binding {
    type Target = Bound;

    fn deref(&self) -> &Bound {
        match self {
            Self::First(bound) => bound,
            Self::Other(bound) => bound,
        }
    }
}

/// The builder's part of a binding.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) names: crate::key::names::Names,
    pub(crate) policy: Policy,
    /// `None` where the builder says nothing of it.
    pub(crate) layout: Option<Layout>,
    pub(crate) maxsize: u64,
    pub(crate) touch: Touch,
    pub(crate) ttl_ms: u64,
    pub(crate) stampede: Stampede,
    pub(crate) jitter_permille: u16,
    pub(crate) fallback_concurrency: Option<usize>,
    pub(crate) structure: StructureTtl,
    pub(crate) codec: Codec,
}

impl Bound {
    pub(crate) fn new(
        method: &Method,
        defaults: &Defaults,
        maxsizes: &MaxSizes,
    ) -> Result<Self, Error> {
        let options = method.options;
        let policy = options
            .policy
            .map_or_else(|| defaults.policy.clone(), |policy| policy());
        let ttl_ms = options.ttl_ms.unwrap_or(defaults.ttl_ms);
        let site = method.full_site();
        let tag = MethodKey::method(&site, &method.fingerprint);
        let hash = format!("{tag:016x}");
        let own =
            (options.layout(defaults) == Layout::Multiple).then_some((method.name, hash.as_str()));
        let stem = defaults.names.stem(&policy, own, options.cluster);
        let fresh = Fresh::new(&options, defaults, ttl_ms)?;
        let maxsize = settings::check_maxsize(options.maxsize.unwrap_or(defaults.maxsize))?;
        let pair = Pair {
            ranking: format!("{stem}:0"),
            values: format!("{stem}:1"),
            maxsize: maxsizes.join(&stem, method.site, maxsize),
            stem,
            policy,
            structure: defaults.structure,
            touch: options.touch.unwrap_or(defaults.touch),
            shared: OnceLock::new(),
        };
        Ok(Self {
            site: method.site,
            pair: Arc::new(pair),
            key: MethodKey::new(&site, &method.fingerprint, options.version),
            tag,
            alone: own.is_some(),
            ttl_ms,
            fresh,
            codec: options
                .codec
                .map_or_else(|| defaults.codec.clone(), |codec| codec()),
            counters: Counters::default(),
            guard: Guard::new(defaults.fallback_concurrency),
            average_us: AtomicU64::new(0),
            has_unstorable: AtomicBool::new(false),
        })
    }

    /// Takes a run of the method down.
    pub(crate) fn took(&self, cost: Duration) {
        let cost = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX / 8);
        let average = self.average_us.load(Ordering::Relaxed);
        let next = if average == 0 {
            cost
        } else {
            average - average / 8 + cost / 8
        };
        self.average_us.store(next, Ordering::Relaxed);
    }

    /// Takes down that a value cannot be stored; whether it is the first.
    pub(crate) fn is_first_unstorable(&self) -> bool {
        !self.has_unstorable.swap(true, Ordering::Relaxed)
    }

    /// How long calls wait for another one that runs the method, before one of them runs it too.
    pub(crate) fn patience(&self) -> Duration {
        let average = Duration::from_micros(self.average_us.load(Ordering::Relaxed));
        average
            .saturating_mul(3)
            .clamp(LEAST_PATIENCE, MOST_PATIENCE)
    }

    /// How long calls wait for another process that says it runs the method.
    pub(crate) fn patience_abroad(&self) -> Duration {
        match self.average_us.load(Ordering::Relaxed) {
            // Nobody here knows yet how long it may take.
            0 => MOST_PATIENCE,
            _ => self.patience().max(LEAST_PATIENCE_ABROAD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::names::Names;

    fn bound(options: Options, ttl_ms: u64) -> Result<Fresh, Error> {
        let defaults = Defaults {
            names: Names::new("prefix:", "name", false, None),
            policy: Policy::Lru,
            layout: None,
            maxsize: 1,
            touch: Touch::Exact,
            ttl_ms,
            stampede: Stampede::Local,
            jitter_permille: 100,
            fallback_concurrency: None,
            structure: StructureTtl::Never,
            codec: Codec::Cbor,
        };
        let method = Method::new("site", "name", [0; 20], options);
        Bound::new(&method, &defaults, &MaxSizes::default()).map(|bound| bound.fresh)
    }

    #[test]
    fn what_a_method_says_goes_before_what_the_builder_says() {
        let of_builder = bound(Options::NONE, 0).unwrap();
        let said = (of_builder.stampede, of_builder.jitter_permille);
        assert_eq!(said, (Stampede::Local, 100));
        let options = Options {
            stampede: Some(Stampede::Off),
            jitter_permille: Some(0),
            stale_ms: Some(7),
            soft_timeout_ms: Some(5),
            early: Some(Early::XFetch),
            ..Options::NONE
        };
        let expected = Fresh {
            stampede: Stampede::Off,
            jitter_permille: 0,
            stale_ms: Some(7),
            soft_timeout_ms: Some(5),
            early: Some(Early::XFetch),
        };
        assert_eq!(bound(options, 1000).unwrap(), expected);
    }

    #[test]
    fn nothing_is_stale_or_early_without_a_ttl() {
        let stale = Options {
            stale_ms: Some(1),
            ..Options::NONE
        };
        let early = Options {
            early: Some(Early::At(900)),
            ..Options::NONE
        };
        for options in [stale, early] {
            let error = bound(options, 0).unwrap_err().to_string();
            assert!(error.contains("the builder one"), "{error}");
            let of_method = Options {
                ttl_ms: Some(1),
                ..options
            };
            let of_value = Options {
                has_ttl_fn: true,
                ..options
            };
            for (options, ttl_ms) in [(options, 1), (of_method, 0), (of_value, 0)] {
                bound(options, ttl_ms).unwrap();
            }
        }
    }
}
