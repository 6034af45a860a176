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
use crate::settings::{self, Stampede, Touch};

/// Collects the options of a [`CachedFunction`]. What is not set here is as the builder of the cache has it.
///
/// * [`policy`](Self::policy), [`codec`](Self::codec), [`touch`](Self::touch), [`stampede`](Self::stampede): the cache's
/// * [`ttl`](Self::ttl), [`ttl_jitter`](Self::ttl_jitter): the cache's
/// * [`maxsize`](Self::maxsize): the cache's
/// * layout: with a `maxsize` of its own the function has a pair of keys of its own, without one it shares
///   the cache's; the builder of the cache, or [`single`](Self::single) and [`multiple`](Self::multiple), say otherwise
/// * [`version`](Self::version): none
///
/// What the macros' options `cache_none`, `cache_if`, `cache_err`, `ttl_none` and `ttl_fn` decide by the returned value, a
/// closure decides by itself: what is not to be stored is an `Err` of
/// [`try_get_with`](CachedFunction::try_get_with). `stale`, `soft_timeout` and `early` need an execution that outlives its
/// call, and a closure may borrow from its caller: they are options of methods alone.
#[must_use = "a function is made by `build()`"]
pub struct FunctionBuilder {
    engine: Engine,
    name: String,
    options: FunctionOptions,
    ttl: Option<Duration>,
    ttl_jitter: Option<f64>,
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
        let mut options = self.options;
        let constant = &mut options.constant;
        if let Some(ttl) = self.ttl {
            constant.ttl_ms = Some(settings::ms(settings::check_ttl("ttl", ttl)?));
        }
        if let Some(share) = self.ttl_jitter {
            constant.jitter_permille = Some(settings::check_jitter(share)?);
        }
        if let Some(maxsize) = constant.maxsize {
            settings::check_maxsize(maxsize)?;
        }
        if let Some(touch) = constant.touch {
            settings::check_touch(touch)?;
        }
        let function = self.engine.function(self.name, options)?;
        Ok(CachedFunction {
            engine: self.engine,
            function,
        })
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
