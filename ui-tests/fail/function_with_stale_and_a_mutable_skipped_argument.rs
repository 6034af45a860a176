use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Db;

#[cache_fn(cache = CACHE, ttl = "5m", stale = "10m")]
async fn rate(#[cache_skip] _db: &mut Db, code: u64) -> u64 {
    code
}

fn main() {}
