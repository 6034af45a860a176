use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &mut Vec<u64>) -> HashMap<u64, String> {
        ids.iter().map(|id| (*id, id.to_string())).collect()
    }
}

fn main() {}
