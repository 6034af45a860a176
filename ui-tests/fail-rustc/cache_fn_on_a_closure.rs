use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

fn main() {
    #[cache_fn(cache = CACHE)]
    let rate = |code: u64| code;
    rate(1);
}
