use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
async fn sum(n: u64) -> u64 {
    if n == 0 { 0 } else { n + sum(n - 1).await }
}

fn main() {}
