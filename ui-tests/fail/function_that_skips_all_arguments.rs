use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Db;

#[cache_fn(cache = CACHE, ttl = "5m")]
async fn settings(#[cache_skip] _db: &Db) -> String {
    String::new()
}

fn main() {}
