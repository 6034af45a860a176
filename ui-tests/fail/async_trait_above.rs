use async_trait::async_trait;
use redis_func_cache::cache_impl;

#[async_trait]
trait Users {
    async fn find(&self, id: u64) -> u64;
    async fn look(&self) -> u64;
}

struct Repo;

#[async_trait]
#[cache_impl]
impl Users for Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
    async fn look(&self) -> u64 {
        1
    }
}

fn main() {}
