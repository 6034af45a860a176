use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

unsafe extern "C" {
    #[cache_fn(cache = CACHE)]
    fn rate(code: u64) -> u64;
}

fn main() {}
