use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[cache_fn(cache = CACHE, name = "")]
async fn rate(code: &str) -> f64 {
    code.len() as f64
}

fn main() {}
