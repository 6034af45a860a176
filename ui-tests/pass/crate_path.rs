#![deny(warnings)]
//! A crate that re-exports this one under another name; nothing is imported where it is used.

mod facade {
    pub(crate) use redis_func_cache as caching;
}

/// Takes the place of the crate, which generated code then must not name.
mod redis_func_cache_is_not_named {
    mod redis_func_cache {}

    pub(crate) struct Repo;

    #[crate::crate_path::facade::caching::cache_impl(crate = crate::crate_path::facade::caching, codec = "cbor", policy = "lfu", multiple)]
    impl Repo {
        pub(crate) async fn find(&self, id: u8) -> Result<u8, String> {
            Ok(id)
        }
        pub(crate) fn look(&self, #[cache_skip] id: u8) -> u8 {
            id
        }
        pub(crate) async fn skips(&self, #[cache_skip] id: u8) -> u8 {
            id
        }
        #[nocache]
        #[invalidates(find(id), look(..))]
        pub(crate) async fn forget(&self, id: u8) -> u8 {
            id
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use facade::caching::{Cache, CacheExt as _};
    let cache = Cache::builder("x").build().unwrap();
    let repo = redis_func_cache_is_not_named::Repo.cached(&cache);
    assert_eq!(
        (
            repo.find(1).await.unwrap(),
            repo.look(2),
            repo.skips(3).await
        ),
        (1, 2, 3)
    );
    assert_eq!(repo.entry().skips().refresh(4).await, 4);
    repo.forget(1).await;
}
