#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused,
    unsafe_code
)]
#![deny(rust_2018_idioms, unused_qualifications, single_use_lifetimes)]
#![deny(elided_lifetimes_in_paths, let_underscore_drop)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
//! A library that denies all it can.

/// A module that others see.
pub mod library {
    use std::sync::LazyLock;

    use redis_func_cache::{Cache, cache_fn, cache_impl};

    static CACHE: LazyLock<Cache> =
        LazyLock::new(|| Cache::builder("x").build().expect("the settings are right"));

    /// What goes wrong.
    #[derive(Debug)]
    pub struct Wrong;

    /// A context.
    #[derive(Debug)]
    pub struct Context<'c>(pub &'c str);

    /// A repository.
    #[derive(Debug, Default)]
    pub struct Repo {
        by: u8,
    }

    #[cache_impl(ttl = "5m", self_key = self.by)]
    impl Repo {
        /// Makes one.
        #[must_use]
        pub const fn new(by: u8) -> Self {
            Self { by }
        }

        /// Finds.
        ///
        /// # Errors
        /// Never.
        pub async fn find(&self, id: u8) -> Result<u8, Wrong> {
            std::future::ready(Ok(self.by + id)).await
        }

        /// Looks.
        #[must_use]
        pub fn look(&self, id: &str, #[cache_skip] context: &Context<'_>) -> usize {
            id.len() + context.0.len() + usize::from(self.by)
        }

        /// Skips.
        pub async fn skips(&self, #[cache_skip] context: &Context<'_>) -> usize {
            std::future::ready(context.0.len() + usize::from(self.by)).await
        }

        /// Forgets.
        #[nocache]
        #[invalidates(find(id), look(..))]
        pub async fn forget(&self, id: u8) -> u8 {
            std::future::ready(self.by + id).await
        }

        /// Forgets what others have.
        ///
        /// # Errors
        /// Never.
        #[nocache]
        #[invalidates(find(*ok), Self::look(..), Repo::find(&self.by, id), self::looked(&code))]
        pub async fn forgets(&self, id: u8, code: String) -> Result<u8, Wrong> {
            std::future::ready(Ok(self.by + id + u8::from(code.is_empty()))).await
        }

        #[nocache]
        const fn own(&self) -> u8 {
            self.by
        }

        async fn never_called(&self, #[cache_skip] context: &Context<'_>) -> usize {
            std::future::ready(context.0.len()).await
        }

        /// Changes.
        #[nocache]
        pub const fn change(&mut self) {
            self.by += 1;
        }
    }

    /// A store.
    pub trait Store {
        /// Gets.
        fn get(&self, id: u8) -> u8;
    }

    #[cache_impl(wrapper = CachedRepo)]
    impl Store for Repo {
        fn get(&self, id: u8) -> u8 {
            self.own() + id
        }
    }

    /// Finds.
    ///
    /// # Errors
    /// Never.
    #[cache_fn(cache = CACHE, ttl = "5m", stale = "1m")]
    pub async fn found(#[cache_skip] context: String, id: u8) -> Result<u8, Wrong> {
        std::future::ready(Ok(id + u8::from(context.is_empty()))).await
    }

    /// Looks.
    #[must_use]
    #[cache_fn(cache = CACHE)]
    pub fn looked(id: &str, #[cache_skip] context: &Context<'_>) -> usize {
        id.len() + context.0.len()
    }

    /// A future.
    #[cache_fn(cache = *CACHE, handle = LaterCache)]
    pub fn later(id: u8) -> impl Future<Output = u8> + Send {
        std::future::ready(id)
    }

    #[cache_fn(cache = CACHE)]
    fn unused(id: u8) -> u8 {
        id
    }

    /// One that is cached in place.
    #[derive(Debug, Clone, Default)]
    pub struct User {
        id: u8,
    }

    #[cache_impl(cache = CACHE, ttl = "5m", self_key = self.id)]
    impl User {
        /// Makes one.
        #[must_use]
        pub const fn new(id: u8) -> Self {
            Self { id }
        }

        /// Finds.
        pub async fn by_name(#[cache_skip] context: &Context<'_>, name: &str) -> Option<u8> {
            std::future::ready(u8::try_from(name.len() + context.0.len()).ok()).await
        }

        /// Looks.
        #[must_use]
        #[cache(stale = "1m")]
        pub fn orders(&self, n: u8) -> u8 {
            self.id + n
        }

        fn unused(of: u8) -> u8 {
            of
        }

        /// Changes.
        #[nocache]
        #[invalidates(orders(n))]
        pub const fn change(&mut self, n: u8) -> u8 {
            self.id += n;
            self.id
        }
    }

    /// A lookup.
    pub trait Lookup {
        /// Gets.
        fn look_up(&self, id: u8) -> impl Future<Output = u8> + Send;
    }

    #[cache_impl(cache = CACHE, self_key = (), handle = UserLookup)]
    impl Lookup for User {
        async fn look_up(&self, id: u8) -> u8 {
            std::future::ready(self.id + id).await
        }
    }
}

/// Uses them.
///
/// # Panics
/// Where the cache answers wrong.
#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use library::Store as _;
    use redis_func_cache::{Cache, CacheExt as _};

    let cache = Cache::builder("x").build().expect("the settings are right");
    let mut repo = library::Repo::new(1);
    repo.change();
    let repo: library::CachedRepo = repo.cached(&cache);
    assert_eq!(repo.find(1).await.expect("it never fails"), 3);
    let context = library::Context("ctx");
    assert_eq!(repo.look("a", &context) + repo.skips(&context).await, 11);
    assert_eq!(repo.entry().skips().refresh(&context).await, 5);
    assert_eq!(repo.forget(1).await + repo.get(1), 6);
    functions(&context).await;
}

async fn functions(context: &library::Context<'_>) {
    use library::{Lookup as _, User, later, looked};

    let found = library::found(String::new(), 1)
        .await
        .expect("it never fails");
    assert_eq!((found, looked("a", context), later(4).await), (2, 4, 4));
    assert_eq!(looked::entry("a").refresh(context), 4);
    assert_eq!(looked::uncached("b", context), 4);
    looked::all().invalidate().expect("it is in memory");
    let mut user = User::new(1);
    assert_eq!(
        (User::by_name(context, "a").await, user.orders(2)),
        (Some(4), 3)
    );
    assert_eq!((user.look_up(3).await, user.change(2)), (4, 3));
}
