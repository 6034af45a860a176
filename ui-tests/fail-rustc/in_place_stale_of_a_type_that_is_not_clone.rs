use std::sync::LazyLock;

use redis_func_cache::{Cache, cache_impl};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct User {
    id: u64,
}

#[cache_impl(cache = CACHE, self_key = self.id, ttl = "5m", stale = "10m")]
impl User {
    async fn orders(&self, n: u64) -> u64 {
        self.id + n
    }
}

fn main() {}
