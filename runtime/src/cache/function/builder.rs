//! The options of a function, checked and turned into one.

use std::fmt;
use std::time::Duration;

use super::CachedFunction;
use crate::cache::Cache;
use crate::engine::Engine;
use crate::entry::codec::Codec;
use crate::error::Error;
use crate::key::names::Layout;
use crate::method::function::FunctionOptions;
use crate::policy::Policy;
use crate::settings::{self, Early, Stampede, Touch};

/// Collects the options of a [`CachedFunction`]. What is not set here is as the builder of the cache has it.
///
/// * [`policy`](Self::policy), [`codec`](Self::codec), [`touch`](Self::touch), [`stampede`](Self::stampede): the cache's
/// * [`ttl`](Self::ttl), [`ttl_jitter`](Self::ttl_jitter): the cache's
/// * [`maxsize`](Self::maxsize): the cache's
/// * layout: with a `maxsize` of its own the function has a pair of keys of its own, without one it shares
///   the cache's; the builder of the cache, or [`single`](Self::single) and [`multiple`](Self::multiple), say otherwise
/// * [`stale`](Self::stale), [`soft_timeout`](Self::soft_timeout), [`early`](Self::early), [`version`](Self::version): none
///
/// What the attributes' options `cache_none`, `cache_if`, `ttl_none` and `ttl_fn` decide by the returned value, a closure
/// decides by itself: what is not to be stored is an `Err` of [`try_get_with`](CachedFunction::try_get_with).
#[must_use = "a function is made by `build()`"]
pub struct FunctionBuilder {
    engine: Engine,
    name: String,
    options: FunctionOptions,
    ttl: Option<Duration>,
    ttl_jitter: Option<f64>,
    stale: Option<Duration>,
    soft_timeout: Option<Duration>,
    early: Option<f64>,
}

impl Cache {
    /// Starts a function of this cache that needs no macro: a name, and a closure at each call.
    ///
    /// The name is a part of every key, and stands in statistics and logs. It is a constant of the program,
    /// from 1 to 256 bytes long; what varies from call to call belongs into the key of the call. Functions of
    /// one name share their entries, also those of other processes and of other caches with the same
    /// name, prefix and store; they never share them with a method.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// use std::time::Duration;
    /// use redis_func_cache::Cache;
    ///
    /// let cache = Cache::builder("shop").build()?;
    /// let pages = cache.function("pages").ttl(Duration::from_secs(300)).maxsize(1000).version("2").build()?;
    /// let page: String = pages.get_with(&("acme", 1), || async { "first".to_owned() }).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn function(&self, name: impl Into<String>) -> FunctionBuilder {
        FunctionBuilder {
            engine: self.engine().clone(),
            name: name.into(),
            options: FunctionOptions::default(),
            ttl: None,
            ttl_jitter: None,
            stale: None,
            soft_timeout: None,
            early: None,
        }
    }
}

impl FunctionBuilder {
    /// Which entry is evicted when the pair is full.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.options.policy = Some(policy);
        self
    }

    /// The function shares the cache's pair of keys, also where it says `maxsize`.
    pub fn single(mut self) -> Self {
        self.options.constant.layout = Some(Layout::Single);
        self
    }

    /// The function has a pair of keys of its own.
    pub fn multiple(mut self) -> Self {
        self.options.constant.layout = Some(Layout::Multiple);
        self
    }

    /// Names its keys with a hash tag, so that the keys of a pair live on one node of a cluster.
    pub fn cluster(mut self) -> Self {
        self.options.constant.cluster = true;
        self
    }

    /// Entries that the pair holds at the most, from 1 to 1,000,000,000.
    pub fn maxsize(mut self, maxsize: u64) -> Self {
        self.options.constant.maxsize = Some(maxsize);
        self
    }

    /// Life of an entry, counted by the server from the moment it is stored; from 1 ms to 100 years.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.constant.ttl_ms = None;
        self.ttl = Some(ttl);
        self
    }

    /// Entries live until the policy evicts them or their pair ends, whatever the builder of the cache says.
    pub fn without_ttl(mut self) -> Self {
        self.options.constant.ttl_ms = Some(0);
        self.ttl = None;
        self
    }

    /// Shortens each TTL by a random share of it, up to this one, from 0 to 0.5: so entries that
    /// were stored together do not end together.
    pub fn ttl_jitter(mut self, share: f64) -> Self {
        self.ttl_jitter = Some(share);
        self
    }

    /// For this long after its TTL a value may still be served, while one call refreshes it
    /// (stale-while-revalidate), or where the refresh fails (stale-if-error). From 1 ms to 100 years; needs a TTL.
    ///
    /// With [`get_with`](CachedFunction::get_with) and its siblings, the call that finds the value stale runs its
    /// own closure and waits for it; the others are served the old value meanwhile. With
    /// [`get_with_refresh`](CachedFunction::get_with_refresh) and its siblings no call waits.
    pub fn stale(mut self, stale: Duration) -> Self {
        self.stale = Some(stale);
        self
    }

    /// How long [`get_with_refresh`](CachedFunction::get_with_refresh) and its siblings wait for the fresh value
    /// before they return the stale one; from 1 ms to 100 years. Needs [`stale`](Self::stale).
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// Refreshes a value when this share of its TTL has passed, between 0 and 1 (refresh-ahead): as
    /// [`stale`](Self::stale) does, before the end of the TTL. Needs a TTL.
    pub fn early(mut self, share: f64) -> Self {
        self.options.constant.early = None;
        self.early = Some(share);
        self
    }

    /// Refreshes a value before the end of its TTL at random: the more likely, the nearer the end is and the
    /// longer the closure takes (XFetch). Needs a TTL.
    pub fn early_xfetch(mut self) -> Self {
        self.options.constant.early = Some(Early::XFetch);
        self.early = None;
        self
    }

    /// Who runs its closure where many calls miss the same key at the same time.
    pub fn stampede(mut self, stampede: Stampede) -> Self {
        self.options.constant.stampede = Some(stampede);
        self
    }

    /// How values are encoded.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = Some(codec);
        self
    }

    /// When hits are recorded with the policy.
    pub fn touch(mut self, touch: Touch) -> Self {
        self.options.constant.touch = Some(touch);
        self
    }

    /// A part of every key. Raise it when the code behind the closures, or the meaning of a stored type,
    /// changes: entries of another version are not read.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.options.version = version.into();
        self
    }

    /// Makes the function, or returns the one that was made before with the same name and options: both are
    /// one, with common statistics. It does not connect.
    ///
    /// # Errors
    /// * An option is out of its bounds, or does not fit the store of the cache.
    /// * The name has other options in this cache already.
    /// * The name is empty or too long, or this cache has 1,000 functions already.
    ///
    /// The message says which, and what to write instead.
    ///
    /// # Concurrency
    /// Two callers that build the same function are given the same; with different options, one of them is
    /// given an error.
    pub fn build(self) -> Result<CachedFunction, Error> {
        settings::check_function_name(&self.name)?;
        let (engine, name) = (self.engine.clone(), self.name.clone());
        let function = engine.function(name, self.checked()?)?;
        Ok(CachedFunction { engine, function })
    }

    fn checked(self) -> Result<FunctionOptions, Error> {
        let mut options = self.options;
        let constant = &mut options.constant;
        if let Some(ttl) = self.ttl {
            constant.ttl_ms = Some(settings::ms(settings::check_ttl("ttl", ttl)?));
        }
        if let Some(share) = self.ttl_jitter {
            constant.jitter_permille = Some(settings::check_jitter(share)?);
        }
        if let Some(stale) = self.stale {
            constant.stale_ms = Some(settings::ms(settings::check_stale(stale)?));
        }
        if let Some(timeout) = self.soft_timeout {
            let timeout = settings::check_soft_timeout(timeout)?;
            constant.soft_timeout_ms = Some(settings::ms(timeout));
            if constant.stale_ms.is_none() {
                return Err(Error::config(
                    "`soft_timeout` ends the wait for a fresh value where a stale one may be served; add `stale`",
                ));
            }
        }
        if let Some(share) = self.early {
            constant.early = Some(settings::check_early(share)?);
        }
        if let Some(maxsize) = constant.maxsize {
            settings::check_maxsize(maxsize)?;
        }
        if let Some(touch) = constant.touch {
            settings::check_touch(touch)?;
        }
        Ok(options)
    }
}

impl fmt::Debug for FunctionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionBuilder")
            .field("name", &self.name)
            .field("options", &self.options)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
