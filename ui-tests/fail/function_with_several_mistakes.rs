use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cach = CACHE, ttl = 5, wrapper = Rates)]
extern "C" fn rate(code: &mut u64, by: fn(u64) -> u64) {
    by(*code);
}

fn main() {}
