#![doc = include_str!("../../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod cache;
mod call;
mod deadline;
mod engine;
mod entry;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod key;
mod method;
mod policy;
#[doc(hidden)]
pub mod private;
mod rt;
mod settings;
mod stats;
mod store;

pub use cache::Cache;
pub use cache::all_entries::{AllEntries, BlockingAllEntries};
pub use cache::builder::CacheBuilder;
pub use cache::builder::cache_settings::CacheSettings;
pub use cache::entry_handle::EntryHandle;
pub use cache::entry_handle::blocking::BlockingEntryHandle;
pub use cache::entry_handle::inspection::Inspection;
pub use cache::entry_handle::token::EntryToken;
pub use cache::function::CachedFunction;
pub use cache::function::builder::FunctionBuilder;
pub use cache::function::entry::{BlockingFunctionEntry, FunctionEntry};
pub use cache::health::Health;
pub use cache::report::{MethodReport, Report};
pub use cache::tag::TagEntries;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub use cache::test_cache::{TestCache, TestCall};
pub use cache::wrapper::{CacheExt, CacheMutExt, Cacheable, CacheableMut};
pub use engine::lost_invalidation::LostInvalidation;
pub use engine::scope::Mode;
pub use entry::codec::{Codec, CodecError, CustomCodec, ValueCodec};
#[cfg(feature = "seal")]
#[cfg_attr(docsrs, doc(cfg(feature = "seal")))]
pub use entry::seal::SealKeys;
pub use erased_serde;
pub use error::{Error, ErrorKind};
pub use key::digest::KeyPart;
pub use key::names::{KeyFormat, KeyParts, Layout, MethodPart};
pub use key::tags::Tags;
pub use method::return_type::Value;
pub use policy::{CustomPolicy, CustomPolicyBuilder, Policy};
/// Caches one method, with options that override those of its block.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), redis_func_cache::Error> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Shop;
///
/// #[cache_impl(ttl = "5m", default = "nocache")]
/// impl Shop {
///     #[cache(ttl = "30s", maxsize = 100, cache_if = Self::is_known)]
///     async fn stock(&self, article: u64) -> u32 { 3 }
///
///     async fn order(&self, article: u64) -> u32 { 1 } // not cached: no `#[cache]`
///
///     fn is_known(stock: &u32) -> bool { *stock > 0 }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let shop = Shop.cached(&cache);
/// assert_eq!((shop.stock(1).await, shop.stock(1).await), (3, 3));
/// assert_eq!((cache.stats().exec, cache.stats().hit), (1, 1));
/// # Ok(())
/// # }
/// ```
///
/// Chapters: [options](crate::guide::options), [expiry and staleness](crate::guide::expiry),
/// [what is stored](crate::guide::storing).
#[doc(inline)]
pub use redis_func_cache_macros::cache;
/// Caches a function, async or not, under its own name.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::LazyLock;
/// use redis_func_cache::{Cache, cache_fn};
///
/// static CACHE: LazyLock<Cache> =
///     LazyLock::new(|| Cache::from_env("shop").expect("REDIS_URL is valid"));
///
/// struct Db;
///
/// #[cache_fn(cache = CACHE, ttl = "5m")]
/// async fn rate(#[cache_skip] db: &Db, code: &str) -> Result<f64, String> {
///     Ok(1.07)
/// }
///
/// let db = Db;
/// rate(&db, "EUR").await?; // a miss: runs the function
/// rate(&db, "EUR").await?; // a hit
/// assert_eq!((CACHE.stats().exec, CACHE.stats().hit), (1, 1));
///
/// // Beside the function, under its name, are handles on its entries, and the function itself without the cache.
/// assert_eq!(rate::entry("EUR").peek().await?, Some(1.07));
/// rate::entry("EUR").invalidate().await?;
/// rate::all().invalidate().await?;
/// rate::uncached(&db, "EUR").await?;
/// # Ok(())
/// # }
/// ```
#[doc(inline)]
pub use redis_func_cache_macros::cache_fn;
/// Caches the methods of an `impl` block in a wrapper type.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Ctx; // a connection, a request …
/// struct Users { tenant: u32 }
///
/// #[cache_impl(maxsize = 10_000, ttl = "5m", self_key = self.tenant)]
/// impl Users {
///     async fn find(&self, id: u64) -> Result<String, String> {
///         Ok(format!("user {id} of {}", self.tenant))
///     }
///
///     async fn search(&self, #[cache_skip] ctx: &Ctx, term: &str) -> Vec<u64> { vec![1] }
///
///     #[nocache]
///     #[invalidates(find(id), search(..))]
///     async fn rename(&self, id: u64, name: &str) -> Result<(), String> { Ok(()) }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let users = Users { tenant: 7 }.cached(&cache); // a CachedUsers
/// users.find(1).await?; // a miss: runs the method
/// users.find(1).await?; // a hit
/// users.rename(1, "Ann").await?; // drops the entry
/// users.find(1).await?; // a miss again
/// assert_eq!((cache.stats().exec, cache.stats().hit), (2, 1));
/// assert!(users.entry().find(1).peek().await?.is_some()); // a handle on one entry
/// # Ok(())
/// # }
/// ```
///
/// Chapters: [getting started](crate::guide::getting_started), [options](crate::guide::options),
/// [keys](crate::guide::keys), [concurrency](crate::guide::concurrency),
/// [traits and generics](crate::guide::wrapping). On single methods: [`cache`](macro@cache),
/// [`nocache`](macro@nocache), [`invalidates`](macro@invalidates); on arguments: [`cache_skip`](macro@cache_skip).
/// The builder's options: [`CacheBuilder`]. Handles: [`EntryHandle`], [`BlockingEntryHandle`].
#[doc(inline)]
pub use redis_func_cache_macros::cache_impl;
/// Puts an expression of an argument into the key, in place of the argument.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), redis_func_cache::Error> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Ctx { actor: u64, request: u64 } // not `Serialize`
/// struct Feeds;
///
/// #[cache_impl]
/// impl Feeds {
///     async fn of(&self, #[cache_key(ctx.actor)] ctx: &Ctx, #[cache_key(page.min(9))] page: u32) -> String {
///         format!("page {} for {}", page.min(9), ctx.actor)
///     }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let feeds = Feeds.cached(&cache);
/// feeds.of(&Ctx { actor: 7, request: 1 }, 10).await;
/// feeds.of(&Ctx { actor: 7, request: 2 }, 11).await; // the same actor, and no page beyond the ninth
/// assert_eq!((cache.stats().exec, cache.stats().hit), (1, 1));
/// feeds.of(&Ctx { actor: 8, request: 3 }, 1).await;
/// assert_eq!(cache.stats().exec, 2);
/// # Ok(())
/// # }
/// ```
///
/// Chapter: [keys](crate::guide::keys).
#[doc(inline)]
pub use redis_func_cache_macros::cache_key;
/// Keeps an argument out of the key.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), redis_func_cache::Error> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Connection; // not `Serialize`, and the answer does not depend on it
/// struct Prices;
///
/// #[cache_impl]
/// impl Prices {
///     async fn of(&self, #[cache_skip] connection: &Connection, article: u64) -> u64 { 95 }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let prices = Prices.cached(&cache);
/// prices.of(&Connection, 7).await;
/// prices.of(&Connection, 7).await;
/// assert_eq!(cache.stats().hit, 1);
/// // A handle takes the arguments of the key; to run the method it needs the others, too.
/// assert_eq!(prices.entry().of(7).peek().await?, Some(95));
/// prices.entry().of(7).refresh(&Connection).await;
/// # Ok(())
/// # }
/// ```
///
/// Chapter: [keys](crate::guide::keys).
#[doc(inline)]
pub use redis_func_cache_macros::cache_skip;
/// Drops entries after a method that writes has returned.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Prices { row: AtomicU64 }
///
/// #[cache_impl(self_key = ())]
/// impl Prices {
///     async fn of(&self, article: u64) -> u64 { self.row.load(Ordering::SeqCst) }
///     async fn above(&self, least: u64) -> Vec<u64> { vec![] }
///
///     #[nocache]
///     #[invalidates(of(article), above(..))]
///     async fn set(&self, article: u64, price: u64) -> Result<(), String> {
///         self.row.store(price, Ordering::SeqCst);
///         Ok(())
///     }
/// }
///
/// let prices = Prices { row: AtomicU64::new(0) }.cached(&Cache::builder("shop").build()?);
/// assert_eq!(prices.of(7).await, 0);
/// prices.set(7, 95).await?;
/// assert_eq!(prices.of(7).await, 95);
/// # Ok(())
/// # }
/// ```
///
/// Chapter: [invalidation](crate::guide::invalidation), with the guarantee and its limits. Single entries:
/// [`EntryHandle::invalidate`]; everything: [`Cache::purge`].
#[doc(inline)]
pub use redis_func_cache_macros::invalidates;
/// Leaves a method uncached.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), redis_func_cache::Error> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
///
/// struct Shop;
///
/// #[cache_impl]
/// impl Shop {
///     async fn name(&self, article: u64) -> String { format!("article {article}") }
///
///     #[nocache]
///     async fn order(&self, article: u64) -> u64 { article }
/// }
///
/// let cache = Cache::builder("shop").build()?;
/// let shop = Shop.cached(&cache);
/// shop.order(1).await;
/// shop.order(1).await;
/// assert_eq!(cache.stats().read, 0); // the store was not asked
/// # Ok(())
/// # }
/// ```
#[doc(inline)]
pub use redis_func_cache_macros::nocache;
/// Stores what a method that writes has returned, as the entry of another one.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redis_func_cache::{Cache, CacheExt as _, cache_impl};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Price { article: u64, cents: u64 }
/// # struct Wrong;
/// # impl std::fmt::Debug for Wrong { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("wrong") } }
///
/// struct Prices;
///
/// #[cache_impl]
/// impl Prices {
///     async fn of(&self, article: u64) -> Result<Price, Wrong> { panic!("it is cached") }
///
///     #[nocache]
///     #[updates(of(article))]
///     async fn set(&self, article: u64, cents: u64) -> Result<Price, Wrong> {
///         Ok(Price { article, cents }) // after it was written
///     }
/// }
///
/// let prices = Prices.cached(&Cache::builder("shop").build()?);
/// prices.set(7, 95).await.unwrap();
/// assert_eq!(prices.of(7).await.unwrap().cents, 95); // a hit
/// # Ok(())
/// # }
/// ```
///
/// Chapter: [invalidation](crate::guide::invalidation).
#[doc(inline)]
pub use redis_func_cache_macros::updates;
pub use settings::{Stampede, StructureTtl, Touch};
pub use stats::Stats;
pub use stats::outcome::Outcome;
pub use store::{Availability, StoreKind};
