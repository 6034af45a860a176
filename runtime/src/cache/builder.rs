//! The settings of a cache, checked and turned into one.

pub(crate) mod backend;
pub(crate) mod cache_settings;
mod invalidations;
#[cfg(not(all(
    feature = "cluster",
    feature = "sentinel",
    feature = "lz4",
    any(feature = "tls-rustls", feature = "tls-native")
)))]
mod missing_features;
mod testing;
#[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::backend::Backend;
use super::Cache;
use crate::engine::Engine;
#[cfg(feature = "test-util")]
use crate::engine::call_log::CallLog;
use crate::engine::limits::Limits;
use crate::engine::lost_invalidation::LossListener;
use crate::entry::codec::Codec;
use crate::entry::seal::Seal;
use crate::error::Error;
use crate::key::names::{KeyFormat, Layout, Names};
use crate::method::options::Defaults;
use crate::policy::Policy;
use crate::settings;
use crate::settings::{Stampede, StructureTtl, Touch};
use crate::store::redis::Tls;
use crate::store::{Clock, StoreKind};

/// Collects the settings of a [`Cache`]. Attributes on blocks and methods go before them.
///
/// * store: [`memory`](Self::memory)
/// * [`prefix`](Self::prefix): `func-cache:`
/// * [`policy`](Self::policy): [`Policy::LruT`]
/// * layout: one pair for all methods that say no `maxsize`, not [`cluster`](Self::cluster) unless the store is one
/// * [`maxsize`](Self::maxsize): 1024 entries
/// * [`ttl`](Self::ttl): none, and no [`ttl_jitter`](Self::ttl_jitter); [`structure_ttl`](Self::structure_ttl): sliding, one hour
/// * [`codec`](Self::codec): [`Codec::Cbor`]
/// * [`touch`](Self::touch): in the background, within 10 ms
/// * [`stampede`](Self::stampede): one computation among all processes
/// * [`deadline`](Self::deadline): 100 ms; no [`fallback_concurrency`](Self::fallback_concurrency)
/// * [`max_entry_bytes`](Self::max_entry_bytes): 1 MiB
/// * [`invalidation_queue`](Self::invalidation_queue): 10,000 entries
#[must_use = "a cache is made by `build()`"]
pub struct CacheBuilder {
    name: String,
    prefix: String,
    backend: Backend,
    tls: Tls,
    /// It was to come from the environment, which does not name one.
    is_unnamed: bool,
    policy: Policy,
    layout: Option<Layout>,
    cluster: bool,
    maxsize: u64,
    ttl: Option<Duration>,
    structure: StructureTtl,
    codec: Codec,
    touch: Touch,
    stampede: Stampede,
    ttl_jitter: f64,
    fallback_concurrency: Option<usize>,
    compress_above: Option<usize>,
    max_entry_bytes: usize,
    seal: Seal,
    deadline: Duration,
    is_enabled: bool,
    invalidation_queue: usize,
    on_lost_invalidation: LossListener,
    key_format: Option<Arc<dyn KeyFormat>>,
    clock: Clock,
    #[cfg(feature = "test-util")]
    call_log: Option<Arc<CallLog>>,
}

impl Cache {
    /// Starts a cache with this name, which is part of every key: caches that share a store, a
    /// prefix and a name share their entries.
    pub fn builder(name: impl Into<String>) -> CacheBuilder {
        CacheBuilder::new(name)
    }

    /// A cache on the server that the environment variable `REDIS_URL` names, and in the memory
    /// of this process where it is not set or empty, which is logged at `info`: memory is shared
    /// with no other process. [`store_kind`](Self::store_kind) returns which it is. With settings:
    /// [`CacheBuilder::redis_from_env`].
    ///
    /// # Errors
    /// As [`CacheBuilder::build`].
    pub fn from_env(name: impl Into<String>) -> Result<Self, Error> {
        Self::builder(name).redis_from_env().build()
    }
}

impl CacheBuilder {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            prefix: settings::DEFAULT_PREFIX.to_owned(),
            backend: Backend::Memory,
            tls: Tls::default(),
            is_unnamed: false,
            policy: Policy::default(),
            layout: None,
            cluster: false,
            maxsize: settings::DEFAULT_MAXSIZE,
            ttl: None,
            structure: StructureTtl::default(),
            codec: Codec::default(),
            touch: Touch::default(),
            stampede: Stampede::default(),
            ttl_jitter: 0.0,
            fallback_concurrency: None,
            compress_above: None,
            max_entry_bytes: settings::DEFAULT_MAX_ENTRY_BYTES,
            seal: Seal::default(),
            deadline: settings::DEFAULT_DEADLINE,
            is_enabled: true,
            invalidation_queue: settings::DEFAULT_INVALIDATION_QUEUE,
            on_lost_invalidation: LossListener::default(),
            key_format: None,
            clock: Clock::default(),
            #[cfg(feature = "test-util")]
            call_log: None,
        }
    }

    /// Keeps the entries in the memory of this process. The default.
    pub fn memory(mut self) -> Self {
        self.backend = Backend::Memory;
        self.is_unnamed = false;
        self
    }

    /// Keeps the entries on a Redis server: `redis://[user:password@]host[:port][/database]`,
    /// `rediss://…` for TLS (feature `tls-rustls` or `tls-native`), or `unix:///path`.
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.backend = Backend::Redis(url.into());
        self
    }

    /// Keeps the entries on the server that the environment variable `REDIS_URL` names; where it
    /// is not set or empty, the store stays what it was. If that is memory, and
    /// [`memory`](Self::memory) was not called after this, [`build`](Self::build) logs it at `info`.
    pub fn redis_from_env(mut self) -> Self {
        match std::env::var_os("REDIS_URL") {
            // What is not text is no URL either; `build` returns the error.
            Some(url) if !url.is_empty() => self.redis(url.to_string_lossy()),
            _ => {
                self.is_unnamed = true;
                self
            }
        }
    }

    /// Keeps the entries on a Redis cluster, and names keys for it as [`cluster`](Self::cluster)
    /// does. A few of its nodes are enough.
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    pub fn redis_cluster<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.backend = Backend::Cluster(urls.into_iter().map(Into::into).collect());
        self.cluster = true;
        self
    }

    /// Keeps the entries on the primary that these sentinels name for `service`.
    ///
    /// User, password and database of the first URL are used for the primary as well, and so is TLS
    /// where the URLs begin with `rediss://`. Sentinels name the primary by its IP address, unless
    /// they are set to `resolve-hostnames`: then its certificate has to be for that address.
    #[cfg(feature = "sentinel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sentinel")))]
    pub fn redis_sentinel<U: Into<String>>(
        mut self,
        urls: impl IntoIterator<Item = U>,
        service: impl Into<String>,
    ) -> Self {
        self.backend =
            Backend::Sentinel(urls.into_iter().map(Into::into).collect(), service.into());
        self
    }

    /// The beginning of every key; a colon is added where it has none at its end.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Which entry is evicted when a pair is full.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// All methods share one pair of keys, also those that say `maxsize`: then the largest bound
    /// among those that were called holds for the pair, and a difference is logged.
    pub fn single(mut self) -> Self {
        self.layout = Some(Layout::Single);
        self
    }

    /// Each method has a pair of keys of its own. If neither this nor [`single`](Self::single) is
    /// called, methods with a `maxsize` of their own or of their block have one, and the others share one.
    pub fn multiple(mut self) -> Self {
        self.layout = Some(Layout::Multiple);
        self
    }

    /// Names keys with a hash tag, so that the keys of a pair live on one node of a cluster.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// Entries that a pair holds at the most, from 1 to 1,000,000,000.
    pub fn maxsize(mut self, maxsize: u64) -> Self {
        self.maxsize = maxsize;
        self
    }

    /// Life of an entry, counted by the server from the moment it is stored; from 1 ms to 100 years.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Entries live until the policy evicts them or their pair ends. The default.
    pub fn without_ttl(mut self) -> Self {
        self.ttl = None;
        self
    }

    /// Shortens each TTL by a random share of it, up to this one, from 0 to 0.5: so entries that
    /// were stored together do not end together.
    pub fn ttl_jitter(mut self, share: f64) -> Self {
        self.ttl_jitter = share;
        self
    }

    /// How long an unused pair of keys lives.
    pub fn structure_ttl(mut self, structure: StructureTtl) -> Self {
        self.structure = structure;
        self
    }

    /// How values are encoded.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// When hits are recorded with the policy.
    pub fn touch(mut self, touch: Touch) -> Self {
        self.touch = touch;
        self
    }

    /// Who runs a method that many calls miss at the same time.
    pub fn stampede(mut self, stampede: Stampede) -> Self {
        self.stampede = stampede;
        self
    }

    /// Lets at most so many calls of a method run it at the same time while the store is unavailable; the
    /// others wait for their turn. Without it, the default, all of them run.
    ///
    /// This bulkhead protects the database behind a cache that answers nine calls in ten, and would
    /// get ten times the load without it. Calls from inside a cached method never wait.
    pub fn fallback_concurrency(mut self, calls: usize) -> Self {
        self.fallback_concurrency = Some(calls);
        self
    }

    /// Compresses payloads of at least this many bytes, where they get smaller by it.
    #[cfg(feature = "lz4")]
    #[cfg_attr(docsrs, doc(cfg(feature = "lz4")))]
    pub fn compress_above(mut self, bytes: usize) -> Self {
        self.compress_above = Some(bytes);
        self
    }

    /// Payloads over this size, in bytes, are not stored; up to 64 MiB.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.max_entry_bytes = bytes;
        self
    }

    /// Encrypts values with these keys, and takes no entry that was not made with one of them.
    ///
    /// Entries that are not sealed are no entries to a sealed cache, and the other way round.
    #[cfg(feature = "seal")]
    #[cfg_attr(docsrs, doc(cfg(feature = "seal")))]
    pub fn sealed(mut self, keys: crate::SealKeys) -> Self {
        self.seal = Seal::with(keys);
        self
    }

    /// How long one call may wait for the store, all its requests together; from 1 ms to 60 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Whether calls use the cache. A cache that is not enabled can be switched on later: [`Cache::set_enabled`].
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.is_enabled = enabled;
        self
    }

    /// Names keys in a way of your own.
    pub fn key_format(mut self, format: impl KeyFormat) -> Self {
        self.key_format = Some(Arc::new(format));
        self
    }

    /// Makes the cache. It does not connect: the first call does, in the background.
    ///
    /// # Errors
    /// A setting that is out of its bounds, a URL that does not parse, or a policy that the store
    /// does not support. The message says what to write instead. A server that is down is no error.
    pub fn build(self) -> Result<Cache, Error> {
        settings::check_name(&self.name)?;
        settings::check_prefix(&self.prefix)?;
        if let StructureTtl::Sliding(ttl) | StructureTtl::Fixed(ttl) = self.structure {
            settings::check_ttl("structure_ttl", ttl)?;
        }
        let ttl = self
            .ttl
            .map(|ttl| settings::check_ttl("ttl", ttl))
            .transpose()?;
        let limits = Limits {
            deadline: settings::check_deadline(self.deadline)?,
            max_entry_bytes: settings::check_entry_bytes(self.max_entry_bytes)?,
            compress_above: self.compress_above,
            seal: self.seal.checked()?,
            invalidation_queue: self.invalidation_queue,
            on_lost_invalidation: self.on_lost_invalidation,
            #[cfg(feature = "test-util")]
            call_log: self.call_log,
        };
        let defaults = Defaults {
            names: Names::new(&self.prefix, &self.name, self.cluster, self.key_format),
            policy: self.policy,
            layout: self.layout,
            maxsize: settings::check_maxsize(self.maxsize)?,
            ttl_ms: ttl.map_or(0, settings::ms),
            structure: self.structure,
            codec: self.codec,
            touch: settings::check_touch(self.touch)?,
            stampede: self.stampede,
            jitter_permille: settings::check_jitter(self.ttl_jitter)?,
            fallback_concurrency: settings::check_fallback_concurrency(self.fallback_concurrency)?,
        };
        let kind = self.backend.kind();
        if kind == StoreKind::Memory {
            defaults.policy.in_memory()?;
        }
        let store = self.backend.open(&self.name, self.clock, &self.tls)?;
        if kind == StoreKind::Memory && self.is_unnamed {
            tracing::info!(
                cache = self.name,
                "redis-func-cache: REDIS_URL is not set, so entries are kept in the memory of this process and \
                 shared with no other; set it to redis://host:port, or call `memory()` if memory is meant"
            );
        }
        let engine = Engine::new(self.name, defaults, limits, store, kind);
        let cache = Cache::new(engine);
        cache.set_enabled(self.is_enabled);
        Ok(cache)
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store is left out: its URL may hold a password.
        f.debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("policy", &self.policy)
            .field("layout", &self.layout)
            .field("maxsize", &self.maxsize)
            .finish_non_exhaustive()
    }
}
