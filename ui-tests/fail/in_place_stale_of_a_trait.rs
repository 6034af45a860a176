use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

trait Lookup {
    async fn find(&self, id: u64) -> u64;
}

#[derive(Clone)]
struct Store;

#[cache_impl(cache = CACHE, self_key = (), ttl = "5m", stale = "10m")]
impl Lookup for Store {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
