use std::sync::Arc;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(self: Arc<Self>) -> u64 {
        1
    }
}

fn main() {}
