#![deny(warnings)]
//! Attributes above and below, those of other crates among them.

use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};
use tracing::instrument;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Db;

/// Each call has a span.
#[instrument(skip(_db))]
#[cache_fn(cache = CACHE)]
async fn above(#[cache_skip] _db: &Db, id: u64) -> Result<u64, String> {
    tracing::debug!("runs");
    Ok(id)
}

/// Each execution has a span.
#[cache_fn(cache = CACHE)]
#[instrument(skip_all, fields(id = id), err, ret)]
async fn below(#[cache_skip] _db: &Db, id: u64) -> Result<u64, String> {
    Ok(id)
}

#[instrument]
#[cache_fn(cache = CACHE)]
#[instrument]
fn both(id: u64) -> u64 {
    id
}

#[cache_fn(cache = CACHE)]
#[instrument]
fn future(id: u64) -> impl Future<Output = u64> {
    async move { id }
}

#[must_use]
#[cache_fn(cache = CACHE)]
#[inline]
#[allow(clippy::let_and_return)]
#[doc = "Documented."]
pub fn ordinary(id: u64) -> u64 {
    let found = id;
    found
}

#[cache_fn(cache = CACHE)]
#[deprecated = "use `ordinary`"]
fn old(id: u64) -> u64 {
    id
}

#[cfg(never)]
#[cache_fn(cache = CACHE)]
fn chosen(id: u64) -> u64 {
    id
}

#[cfg(not(never))]
#[cache_fn(cache = CACHE)]
#[cfg_attr(not(never), inline(never))]
fn chosen(id: u64) -> u64 {
    id + 1
}

#[cache_fn(cache = CACHE)]
#[cfg(never)]
fn absent(id: Absent) -> u64 {
    id
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    for _ in 0..2 {
        assert_eq!((above(&Db, 1).await, below(&Db, 2).await), (Ok(1), Ok(2)));
        assert_eq!((both(3), future(4).await), (3, 4));
        assert_eq!((ordinary(5), chosen(6)), (5, 7));
        #[allow(deprecated)]
        let of_old = old(8);
        assert_eq!(of_old, 8);
    }
    assert_eq!((CACHE.stats().miss, CACHE.stats().hit), (7, 7));
    assert_eq!(above::uncached(&Db, 1).await, Ok(1));
    assert_eq!(below::entry(2).refresh(&Db).await, Ok(2));
    assert_eq!(chosen::entry(6).peek().unwrap(), Some(7));
}
