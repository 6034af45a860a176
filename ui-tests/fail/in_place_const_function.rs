use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct User;

#[cache_impl(cache = CACHE)]
impl User {
    const fn limit(of: u64) -> u64 {
        of
    }
}

fn main() {}
