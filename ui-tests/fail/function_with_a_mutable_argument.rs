use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
fn rate(code: u64, times: &mut u64) -> u64 {
    *times += 1;
    code
}

fn main() {}
