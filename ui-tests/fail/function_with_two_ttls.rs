use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

fn life(_: &u64) -> std::time::Duration {
    std::time::Duration::from_secs(1)
}

#[cache_fn(cache = CACHE, ttl = "5m", ttl_fn = life)]
fn rate(code: u64) -> u64 {
    code
}

fn main() {}
