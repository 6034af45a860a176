use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_fn};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[cache_fn(cache = CACHE)]
#[updates(find(id))]
async fn rename(id: u64) -> u64 {
    id
}

fn main() {}
