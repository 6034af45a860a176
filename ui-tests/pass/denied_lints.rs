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
    use redis_func_cache::cache_impl;

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
}
