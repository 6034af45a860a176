//! The traits between a user's type and its generated wrapper.

use std::fmt;
use std::sync::Arc;

use super::Cache;
use crate::engine::Engine;

/// A type with a block marked `#[cache_impl]`. The attribute implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no cached wrapper",
    label = "no `#[cache_impl]` makes a wrapper for this type",
    note = "put `#[cache_impl]` on one of its `impl` blocks; one with `cache = …` is cached in place, without a wrapper"
)]
pub trait Cacheable: Sized {
    /// The wrapper, by default `Cached` and the name of the type.
    type Wrapper;

    #[doc(hidden)]
    fn wrap(core: Core<Self>) -> Self::Wrapper;
}

/// Gives values with a `#[cache_impl]` block their method `cached`.
///
/// ```
/// use std::sync::Arc;
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Rates;
///
/// #[cache_impl]
/// impl Rates {
///     async fn tax(&self, country: String) -> f64 {
///         0.19
///     }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let owned = Rates.cached(&cache);
/// let shared = Arc::new(Rates).cached(&cache);
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
pub trait CacheExt {
    /// The wrapper.
    type Cached;

    /// Wraps the value: the same methods, answered through this cache.
    fn cached(self, cache: &Cache) -> Self::Cached;
}

impl<T: Cacheable> CacheExt for T {
    type Cached = T::Wrapper;

    fn cached(self, cache: &Cache) -> T::Wrapper {
        Arc::new(self).cached(cache)
    }
}

impl<T: Cacheable> CacheExt for Arc<T> {
    type Cached = T::Wrapper;

    fn cached(self, cache: &Cache) -> T::Wrapper {
        T::wrap(Core {
            inner: self,
            engine: cache.engine().clone(),
        })
    }
}

/// What a wrapper holds.
#[doc(hidden)]
pub struct Core<T> {
    inner: Arc<T>,
    engine: Engine,
}

impl<T> Core<T> {
    pub fn inner(&self) -> &T {
        &self.inner
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl<T> Clone for Core<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            engine: self.engine.clone(),
        }
    }
}

/// Without the user's value, which may hold passwords and shows itself where it is to.
impl<T> fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("cache", &self.engine)
            .finish_non_exhaustive()
    }
}
