use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE, ttl = "5m", stale = "10m")]
async fn rate(code: u64, _of: Option<&str>) -> u64 {
    code
}

fn main() {}
