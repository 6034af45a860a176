#![deny(warnings)]
//! The attribute stands on one function: it is meant, so no name is questioned, and none is taken.

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
async fn create_user(id: u64) -> u64 {
    id
}

#[cache_fn(cache = CACHE)]
fn now(of: u64) -> u64 {
    of
}

#[cache_fn(cache = CACHE)]
fn entry(id: u64) -> u64 {
    id
}

#[cache_fn(cache = CACHE)]
fn uncached(id: u64) -> u64 {
    id + 1
}

#[cache_fn(cache = CACHE)]
fn all(cache: u64, handle: u64) -> u64 {
    cache + handle
}

#[cache_fn(cache = CACHE)]
fn cache(entry: u64, args: u64, key: u64, engine: u64, call: u64) -> u64 {
    entry + args + key + engine + call
}

/// Names of the standard library, some of them of its prelude.
#[cache_fn(cache = CACHE)]
#[allow(non_snake_case)]
fn Vec(Box: u64) -> u64 {
    Box
}

/// Nothing but its version tells its entry apart from those of older code.
#[cache_fn(cache = CACHE, version = 1)]
async fn settings() -> String {
    "dark".to_owned()
}

#[cache_fn(cache = CACHE, version = env!("CARGO_PKG_VERSION"), single)]
fn features() -> std::vec::Vec<String> {
    vec!["search".to_owned()]
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    for _ in 0..2 {
        assert_eq!((create_user(1).await, now(2), entry(3)), (1, 2, 3));
        assert_eq!(
            (uncached(4), all(2, 3), cache(1, 1, 1, 1, 1), Vec(6)),
            (5, 5, 5, 6)
        );
        assert_eq!((settings().await.as_str(), features().len()), ("dark", 1));
    }
    assert_eq!((CACHE.stats().miss, CACHE.stats().hit), (9, 9));
    assert_eq!(
        (entry::entry(3).peek().unwrap(), uncached::uncached(4)),
        (Some(3), 5)
    );
    assert_eq!(
        (
            all::entry(2, 3).peek().unwrap(),
            Vec::entry(6).peek().unwrap()
        ),
        (Some(5), Some(6))
    );
    assert_eq!(
        settings::entry().peek().await.unwrap().as_deref(),
        Some("dark")
    );
    all::all().invalidate().unwrap();
    assert_eq!(all::entry(2, 3).peek().unwrap(), None);
}
