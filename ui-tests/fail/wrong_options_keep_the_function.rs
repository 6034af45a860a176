use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE, ttl = "5")]
async fn rate(code: u64) -> u64 {
    code
}

async fn uses() -> u64 {
    rate::all().invalidate().await.unwrap();
    rate::entry(1).invalidate().await.unwrap();
    rate(1).await + rate::uncached(1).await
}

fn main() {}
