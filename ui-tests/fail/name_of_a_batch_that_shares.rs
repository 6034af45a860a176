use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Option<String> {
        Some(id.to_string())
    }

    #[cache(batch = ids, shares = find, name = "user.find")]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, String> {
        ids.iter().map(|id| (*id, id.to_string())).collect()
    }
}

fn main() {}
