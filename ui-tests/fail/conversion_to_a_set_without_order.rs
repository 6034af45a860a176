use redis_func_cache::cache_impl;
use std::collections::HashSet;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, ids: impl Into<HashSet<u64>>) -> u64 {
        ids.into().into_iter().sum()
    }
}

fn main() {}
