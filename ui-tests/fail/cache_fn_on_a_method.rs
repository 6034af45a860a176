use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Rates;

impl Rates {
    #[cache_fn(cache = CACHE)]
    async fn of(&self, code: u64) -> u64 {
        code
    }
}

fn main() {}
