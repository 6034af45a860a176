#![deny(warnings)]
//! Generated code relies on no name that a user could take.
#![allow(dead_code, non_camel_case_types, non_local_definitions, unused_macros)]

mod shadows {
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Result;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Vec;
    pub(crate) struct String;
    pub(crate) struct Box;
    pub(crate) struct Future;
    pub(crate) struct Send;
    pub(crate) struct FnOnce;
    pub(crate) struct str;
    pub(crate) struct u64;
    pub(crate) struct bool;
    pub(crate) trait Clone {
        fn clone(&self) -> u64;
    }
    impl<T> Clone for T {
        fn clone(&self) -> u64 {
            u64
        }
    }
    pub(crate) trait Debug {}
    pub(crate) trait Copy {}
    pub(crate) trait Drop {}
    pub(crate) trait Inner {
        fn inner(&self) -> u64;
        fn run(&self) -> u64;
        fn cache(&self) -> u64;
    }
    impl<T> Inner for T {
        fn inner(&self) -> u64 {
            u64
        }
        fn run(&self) -> u64 {
            u64
        }
        fn cache(&self) -> u64 {
            u64
        }
    }
    pub(crate) mod std {}
    pub(crate) mod core {}
    pub(crate) mod alloc {}
    pub(crate) mod redis_func_cache {}
    macro_rules! vec {
        () => {};
    }
    macro_rules! concat {
        () => {};
    }
    macro_rules! module_path {
        () => {};
    }

    pub(crate) struct Repo;

    #[::redis_func_cache::cache_impl(
        version = 2,
        ttl = "5m",
        multiple,
        policy = "lfu",
        codec = "cbor",
        maxsize = 5
    )]
    impl Repo {
        pub(crate) async fn find(&self, id: u8) -> ::std::result::Result<u8, u64> {
            ::std::result::Result::Ok(id)
        }
        fn is_small(of: &u8) -> ::std::primitive::bool {
            *of < 100
        }
        fn life(_: &u8) -> ::std::time::Duration {
            ::std::time::Duration::from_secs(9)
        }
        #[cache(
            stale = "1m",
            soft_timeout = "1s",
            early = 0.5,
            jitter = 0.5,
            stampede = "off"
        )]
        pub(crate) async fn stale(&self, id: &::std::primitive::str, by: u8) -> u8 {
            by + id.as_bytes()[0]
        }
        #[cache(early = "xfetch")]
        pub(crate) fn early(&self, id: &::std::primitive::str, #[cache_skip] by: &u8) -> u8 {
            by + id.as_bytes()[0]
        }
        #[cache(cache_none = false)]
        pub(crate) fn maybe(&self, id: u8) -> ::std::option::Option<u8> {
            ::std::option::Option::Some(id)
        }
        #[cache(cache_if = Self::is_small, ttl_fn = Self::life)]
        pub(crate) fn look(&self, id: u8, #[cache_skip] by: &u8) -> u8 {
            id + by
        }
        pub(crate) async fn skips(&self, id: u8, #[cache_skip] by: &u8) -> u8 {
            id + by
        }
        pub(crate) fn future(&self, id: u8) -> impl ::std::future::Future<Output = u8> {
            async move { id }
        }
        #[nocache]
        #[invalidates(find(id), look(..))]
        pub(crate) async fn forget(&self, id: u8) -> u8 {
            id
        }
        #[nocache]
        #[invalidates(find(id))]
        pub(crate) fn forget_too(&self, id: u8) -> u8 {
            id
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    use redis_func_cache::{Cache, CacheExt as _};
    let cache = Cache::builder("x").build().unwrap();
    let repo = shadows::Repo.cached(&cache);
    assert_eq!(repo.find(1).await.ok(), Some(1));
    assert_eq!(
        repo.look(1, &1) + repo.skips(1, &1).await + repo.future(1).await,
        5
    );
    assert_eq!(repo.stale("\u{1}", 1).await + repo.early("\u{1}", &1), 4);
    assert_eq!(repo.entry().skips(1).refresh(&2).await, 3);
    assert_eq!(repo.entry().look(1).refresh(&2), 3);
    assert_eq!(repo.forget(1).await + repo.forget_too(1), 2);
}
