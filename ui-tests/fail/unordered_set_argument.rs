use std::collections::HashSet;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, of: &[HashSet<u64>]) -> usize {
        of.len()
    }
}

fn main() {}
