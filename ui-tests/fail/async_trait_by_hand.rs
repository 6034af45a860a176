use std::pin::Pin;

use async_trait::async_trait;
use redis_func_cache::cache_impl;

#[async_trait]
trait Users {
    async fn find(&self, id: u64) -> u64;
}

struct Repo;

#[cache_impl]
#[async_trait]
impl Users for Repo {
    fn find<'life0, 'async_trait>(
        &'life0 self,
        id: u64,
    ) -> Pin<Box<dyn Future<Output = u64> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { id })
    }
}

fn main() {}
