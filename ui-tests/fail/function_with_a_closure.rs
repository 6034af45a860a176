use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
fn rate(code: u64, by: impl Fn(u64) -> u64) -> u64 {
    by(code)
}

fn main() {}
