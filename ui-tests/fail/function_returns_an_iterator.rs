use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
fn rates(up_to: u64) -> impl Iterator<Item = u64> {
    0..up_to
}

fn main() {}
