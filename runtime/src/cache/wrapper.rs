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

/// A type with a trait block marked `#[cache_impl]` that has `&mut self` methods. The attribute implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no cached wrapper that owns its value",
    label = "no trait block of this type with `&mut self` methods is marked `#[cache_impl]`",
    note = "put `#[cache_impl]` on such a block, or write `cached` where all methods take `&self`"
)]
pub trait CacheableMut: Sized {
    /// The wrapper, by default `Cached` and the name of the type.
    type Wrapper;

    #[doc(hidden)]
    fn wrap_mut(core: OwnedCore<Self>) -> Self::Wrapper;
}

/// Gives values with `&mut self` methods in a trait their method `cached_mut`.
///
/// The wrapper owns the value, since it has to lend it mutably, and is not `Clone`. Cached are the methods marked
/// `#[cache]`, or named in `only(…)`; the others are passed on.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), redis_func_cache::Error> {
/// use redis_func_cache::{Cache, CacheMutExt as _, cache_impl};
///
/// trait Users {
///     async fn name(&mut self, id: u64) -> String;
///     async fn rename(&mut self, id: u64, name: &str);
/// }
///
/// struct Connection;
/// struct PgUsers<'c>(&'c mut Connection);
///
/// #[cache_impl(self_key = ())]
/// impl Users for PgUsers<'_> {
///     #[cache]
///     async fn name(&mut self, id: u64) -> String { format!("user {id}") }
///
///     #[invalidates(name(id))]
///     async fn rename(&mut self, id: u64, name: &str) {}
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let mut connection = Connection;
/// let mut users = PgUsers(&mut connection).cached_mut(&cache);
/// users.name(1).await; // a miss: runs the method
/// users.name(1).await; // a hit
/// users.rename(1, "Ann").await; // drops the entry
/// assert_eq!((cache.stats().exec, cache.stats().hit), (1, 1));
/// # Ok(())
/// # }
/// ```
pub trait CacheMutExt {
    /// The wrapper.
    type CachedMut;

    /// Wraps the value: its trait's methods, answered through this cache.
    fn cached_mut(self, cache: &Cache) -> Self::CachedMut;
}

impl<T: CacheableMut> CacheMutExt for T {
    type CachedMut = T::Wrapper;

    fn cached_mut(self, cache: &Cache) -> T::Wrapper {
        T::wrap_mut(OwnedCore {
            value: self,
            engine: cache.engine().clone(),
        })
    }
}

/// What a wrapper holds that owns its value.
#[doc(hidden)]
pub struct OwnedCore<T> {
    value: T,
    engine: Engine,
}

impl<T> OwnedCore<T> {
    pub fn inner(&self) -> &T {
        &self.value
    }

    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.value
    }

    pub fn into_inner(self) -> T {
        self.value
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The value, which an execution needs alone, beside the engine.
    pub fn parts(&mut self) -> (&mut T, &Engine) {
        (&mut self.value, &self.engine)
    }
}

/// Without the user's value, as [`Core`].
impl<T> fmt::Debug for OwnedCore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedCore")
            .field("cache", &self.engine)
            .finish_non_exhaustive()
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
