use std::pin::Pin;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn find(&self, id: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move { id })
    }
}

fn main() {}
