use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, Option<String>> {
        ids.iter().map(|id| (*id, None)).collect()
    }
}

fn main() {}
