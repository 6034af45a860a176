use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

struct User;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, User> {
        ids.iter().map(|id| (*id, User)).collect()
    }
}

fn main() {}
