use async_trait::async_trait;
use redis_func_cache::cache_impl;

struct Repo;

#[async_trait(?Send)]
trait Find {
    async fn find(&self, id: u64) -> u64;
}

#[cache_impl(ttl = "5m", stale = "10m")]
#[async_trait(?Send)]
impl Find for Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
