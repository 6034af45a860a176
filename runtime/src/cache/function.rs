//! Functions that are cached without a macro: a name, and a closure at each call.

pub(crate) mod builder;
pub(crate) mod entry;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use self::entry::{BlockingFunctionEntry, FunctionEntry, GivenClosure};
use super::all_entries::AllEntries;
use super::entry_handle::EntryHandle;
use super::entry_handle::blocking::BlockingEntryHandle;
use crate::call::Call;
use crate::engine::Engine;
use crate::engine::scope::Mode;
use crate::key::digest::KeyPart;
use crate::method::cacheability::Cacheability;
use crate::method::function::Function;
use crate::method::return_type::{ReturnTypeOf, Value};
use crate::rt::blocking;

/// A cached function without a macro: a name, options, and a closure at each call.
///
/// ```
/// use std::time::Duration;
/// use redis_func_cache::{Cache, CachedFunction};
///
/// async fn load(tenant: &str, n: u32) -> Result<String, std::io::Error> {
///     Ok(format!("page {n} of {tenant}"))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::builder("shop").build()?;
/// let pages: CachedFunction = cache.function("pages").ttl(Duration::from_secs(300)).build()?;
///
/// let page = pages.try_get_with(&("acme", 1), || load("acme", 1)).await?; // a miss: runs `load`
/// let page = pages.try_get_with(&("acme", 1), || load("acme", 1)).await?; // a hit
/// assert_eq!(page, "page 1 of acme");
/// assert_eq!(cache.method_stats()["pages"].hit, 1);
///
/// pages.entry::<String>(&("acme", 1)).invalidate().await?; // one entry
/// pages.all().invalidate().await?; // all of them
/// # Ok(())
/// # }
/// ```
///
/// It is cheap to clone, and may be kept in a `static` or a struct. Build it once: a hit then looks no
/// name up and takes no lock for it. Calls work on every runtime, and the `_sync` ones on threads without.
///
/// # The key
///
/// An entry belongs to the name of the function, its [`version`](crate::FunctionBuilder::version), the key that the
/// call gives, and the name of the type that is stored:
///
/// * The key is any value that implements [`serde::Serialize`]: a number, a string, a tuple, a struct of yours.
///   Values that serde writes in different ways are different keys: `1u8` and `1u64`, a tuple and a struct.
///   **Put everything into it that the answer depends on**, for the closure's captures are not seen.
/// * A value of another type under the same name is another entry, so no call reads another type's bytes. Types
///   are distinguished by [`std::any::type_name`], which gives one name to types of one path in two versions of a
///   crate, and to two types of one name inside one function. Raise `version` when the meaning of a value
///   changes: the code of the closure is not in the key.
///
/// # What a call promises
///
/// The same as a cached method: a call never fails and never hangs because of the cache, an error of the
/// closure is returned as it is, and concurrent calls of one key run one closure (the others wait for its
/// value, across processes too). If the call that runs its closure is dropped, or its closure panics or fails,
/// one of those that wait runs its own. What was computed before an invalidation is not stored after it.
///
/// [Modes and statistics](crate::guide::modes_and_stats) work as they do for methods;
/// [`Cache::method_stats`](crate::Cache::method_stats) has the function under its name.
///
/// Chapter: [without a macro](crate::guide::without_macros).
#[derive(Clone)]
pub struct CachedFunction {
    engine: Engine,
    function: Arc<Function>,
}

impl CachedFunction {
    /// The name that it was built with.
    pub fn name(&self) -> &str {
        self.function.name()
    }

    /// The value of this key: from the cache, or what the closure's future returns, which is stored
    /// whatever it is. `None` is a value like any other.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let squares = cache.function("squares").build()?;
    /// let square = squares.get_with(&7u64, || async { 49u64 }).await;
    /// assert_eq!(square, 49);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Concurrency
    /// Of two callers that miss the same key, one runs its closure and both are given its value. A panic
    /// of the closure is its own caller's; the other caller then runs its closure. Of two callers that find
    /// a value [`stale`](crate::FunctionBuilder::stale), one runs its closure, and the other is given the old value.
    pub async fn get_with<K, T, F, Fut>(&self, key: &K, run: F) -> T
    where
        K: KeyPart + ?Sized,
        T: Value,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let call = self.call::<T, K>(key);
        call.run_or_refresh(ReturnTypeOf::<false>, Cacheability::always, run)
            .await
    }

    /// [`get_with`](Self::get_with) for a closure that may fail: `Ok` is stored, and `Err` is returned to
    /// the caller as it is and not stored.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let ports = cache.function("ports").build()?;
    /// let port = ports.try_get_with("http", || async { "80".parse::<u16>() }).await?;
    /// assert_eq!(port, 80);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the closure, and no others.
    ///
    /// # Concurrency
    /// As [`get_with`](Self::get_with). If the closure that runs for both callers fails, its own caller is
    /// given the error, and the other runs its closure.
    pub async fn try_get_with<K, T, E, F, Fut>(&self, key: &K, run: F) -> Result<T, E>
    where
        K: KeyPart + ?Sized,
        T: Value,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let call = self.call::<T, K>(key);
        call.run_or_refresh(ReturnTypeOf::<true>, Cacheability::always, run)
            .await
    }

    /// [`get_with`](Self::get_with) for a sync closure, on a thread that waits. It reads and writes the same
    /// entries.
    ///
    /// ```
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let squares = cache.function("squares").build()?;
    /// assert_eq!(squares.get_with_sync(&7u64, || 49u64), 49);
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    ///
    /// # Concurrency
    /// As there.
    pub fn get_with_sync<K, T, F>(&self, key: &K, run: F) -> T
    where
        K: KeyPart + ?Sized,
        T: Value,
        F: FnOnce() -> T,
    {
        blocking::wait(self.get_with(key, || async { run() }))
    }

    /// [`try_get_with`](Self::try_get_with) for a sync closure, on a thread that waits. It reads and writes
    /// the same entries.
    ///
    /// ```
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let ports = cache.function("ports").build()?;
    /// assert_eq!(ports.try_get_with_sync("http", || "80".parse::<u16>())?, 80);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of the closure, and no others.
    ///
    /// # Concurrency
    /// As there.
    pub fn try_get_with_sync<K, T, E, F>(&self, key: &K, run: F) -> Result<T, E>
    where
        K: KeyPart + ?Sized,
        T: Value,
        F: FnOnce() -> Result<T, E>,
    {
        blocking::wait(self.try_get_with(key, || async { run() }))
    }

    /// [`get_with`](Self::get_with) for a closure that outlives the call: a value that is
    /// [`stale`](crate::FunctionBuilder::stale), or due [`early`](crate::FunctionBuilder::early), is returned at once,
    /// or after [`soft_timeout`](crate::FunctionBuilder::soft_timeout), while the closure runs in the background.
    /// Without these options it is the same as `get_with`.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// use std::time::Duration;
    ///
    /// async fn load(tenant: String) -> Vec<u64> { vec![1, 5] }
    ///
    /// let orders = cache.function("orders").ttl(Duration::from_secs(60)).stale(Duration::from_secs(600)).build()?;
    /// let tenant = "acme".to_owned();
    /// let of_tenant = orders.get_with_refresh(&tenant, { let tenant = tenant.clone(); move || load(tenant) }).await;
    /// assert_eq!(of_tenant, [1, 5]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Concurrency
    /// As there. Of all calls in all processes, one refreshes a key at a time. A refresh runs on the caller's
    /// runtime and goes on if the caller is dropped; where it fails or panics, the old value stays, and the next
    /// try comes after half the TTL, within 50 ms to 30 s.
    pub async fn get_with_refresh<K, T, F, Fut>(&self, key: &K, run: F) -> T
    where
        K: KeyPart + ?Sized,
        T: Value + Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let call = self.call::<T, K>(key);
        call.run_stale(ReturnTypeOf::<false>, Cacheability::always, || async {
            run().await
        })
        .await
    }

    /// [`get_with_refresh`](Self::get_with_refresh) for a closure that may fail: as
    /// [`try_get_with`](Self::try_get_with).
    ///
    /// # Errors
    /// Those of the closure where it runs in the call. Where a refresh in the background fails, the old value stays.
    ///
    /// # Concurrency
    /// As there.
    pub async fn try_get_with_refresh<K, T, E, F, Fut>(&self, key: &K, run: F) -> Result<T, E>
    where
        K: KeyPart + ?Sized,
        T: Value + Send + 'static,
        E: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let call = self.call::<T, K>(key);
        call.run_stale(ReturnTypeOf::<true>, Cacheability::always, || async {
            run().await
        })
        .await
    }

    /// [`get_with_refresh`](Self::get_with_refresh) for a sync closure, on a thread that waits. A refresh runs
    /// on a thread for blocking work.
    ///
    /// # Concurrency
    /// As there.
    pub fn get_with_refresh_sync<K, T, F>(&self, key: &K, run: F) -> T
    where
        K: KeyPart + ?Sized,
        T: Value + Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let call = self.call::<T, K>(key);
        call.run_stale_blocking(ReturnTypeOf::<false>, Cacheability::always, || run)
    }

    /// [`try_get_with_refresh`](Self::try_get_with_refresh) for a sync closure, on a thread that waits. A
    /// refresh runs on a thread for blocking work.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Concurrency
    /// As there.
    pub fn try_get_with_refresh_sync<K, T, E, F>(&self, key: &K, run: F) -> Result<T, E>
    where
        K: KeyPart + ?Sized,
        T: Value + Send + 'static,
        E: Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let call = self.call::<T, K>(key);
        call.run_stale_blocking(ReturnTypeOf::<true>, Cacheability::always, || run)
    }

    /// The entry of one key that holds a `T`: `peek`, `put`, `invalidate`, `ttl` and `refresh`.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let pages = cache.function("pages").build()?;
    /// let entry = pages.entry::<String>(&("acme", 1));
    /// entry.put(&"first".to_owned()).await?;
    /// assert_eq!(entry.peek().await?.as_deref(), Some("first"));
    /// assert!(entry.invalidate().await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn entry<T: Value>(&self, key: &(impl KeyPart + ?Sized)) -> FunctionEntry<T> {
        EntryHandle::new(self.entry_call::<T, _>(key), GivenClosure)
    }

    /// [`entry`](Self::entry) for threads that wait.
    ///
    /// ```
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let pages = cache.function("pages").build()?;
    /// assert_eq!(pages.entry_sync::<String>(&("acme", 1)).peek()?, None);
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn entry_sync<T: Value>(&self, key: &(impl KeyPart + ?Sized)) -> BlockingFunctionEntry<T> {
        BlockingEntryHandle::new(self.entry_call::<T, _>(key), GivenClosure)
    }

    /// All entries of this function, of every key, type and version.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), redis_func_cache::Error> {
    /// # let cache = redis_func_cache::Cache::builder("shop").build()?;
    /// let pages = cache.function("pages").build()?;
    /// pages.all().invalidate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn all(&self) -> AllEntries {
        AllEntries::of_function(&self.engine, &self.function)
    }

    fn call<T, K: KeyPart + ?Sized>(&self, key: &K) -> Call<'_> {
        self.call_in_mode::<T, K>(key, self.engine.mode())
    }

    /// Whatever mode is on.
    fn entry_call<T, K: KeyPart + ?Sized>(&self, key: &K) -> Call<'_> {
        self.call_in_mode::<T, K>(key, Mode::default())
    }

    #[inline]
    fn call_in_mode<T, K: KeyPart + ?Sized>(&self, key: &K, mode: Mode) -> Call<'_> {
        let bound = self.engine.bind_function(&self.function).ok();
        Call::of_bound(&self.engine, bound, mode, &mut |writer| {
            writer.add_type::<T>();
            writer.add(key);
        })
    }
}

impl fmt::Debug for CachedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFunction")
            .field("cache", &self.engine)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
