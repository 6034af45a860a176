#![deny(warnings)]
//! A crate that re-exports this one under another name; nothing is imported where it is used.

mod facade {
    pub(crate) use redis_func_cache as caching;

    pub(crate) static CACHE: std::sync::LazyLock<caching::Cache> =
        std::sync::LazyLock::new(|| caching::Cache::builder("x").build().unwrap());
}

mod redis_func_cache_is_not_named {
    mod redis_func_cache {}

    #[crate::functions_with_a_crate_path::facade::caching::cache_fn(
        cache = crate::functions_with_a_crate_path::facade::CACHE,
        crate = crate::functions_with_a_crate_path::facade::caching,
        codec = "cbor",
        policy = "lfu",
        multiple
    )]
    pub(crate) async fn find(id: u8, #[cache_skip] by: u8) -> Result<u8, String> {
        Ok(id + by)
    }

    #[crate::functions_with_a_crate_path::facade::caching::cache_impl(
        cache = crate::functions_with_a_crate_path::facade::CACHE,
        crate = crate::functions_with_a_crate_path::facade::caching,
        self_key = ()
    )]
    impl super::Repo {
        pub(crate) async fn find(id: u8) -> Result<u8, String> {
            Ok(id)
        }
        pub(crate) fn look(&self, #[cache_skip] id: u8) -> u8 {
            id
        }
        #[nocache]
        #[invalidates(find(id), look(..))]
        pub(crate) async fn forget(&self, id: u8) -> u8 {
            id
        }
    }
}

struct Repo;

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use redis_func_cache_is_not_named::{CachedRepo, find};

    assert_eq!(find(1, 2).await, Ok(3));
    assert_eq!(find::entry(1).refresh(3).await, Ok(4));
    assert_eq!((Repo::find(1).await, Repo.look(2)), (Ok(1), 2));
    Repo.forget(1).await;
    assert_eq!(CachedRepo::entry().find(1).peek().await.unwrap(), None);
    assert_eq!(CachedRepo::entry_of(&Repo).look().peek().unwrap(), None);
}
