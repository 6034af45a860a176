use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

#[cache_fn(cache = CACHE)]
fn first(names: &[String]) -> &str {
    &names[0]
}

fn main() {}
