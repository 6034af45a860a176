use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

trait Find {
    async fn find_many(&mut self, ids: &[u64]) -> HashMap<u64, String>;
}

#[cache_impl(self_key = ())]
impl Find for Repo {
    #[cache(batch = ids)]
    async fn find_many(&mut self, ids: &[u64]) -> HashMap<u64, String> {
        ids.iter().map(|id| (*id, id.to_string())).collect()
    }
}

fn main() {}
