use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, #[cache_key(page.min(ids.len()))] page: usize, ids: &[u64]) -> HashMap<u64, String> {
        ids.iter().take(page).map(|id| (*id, id.to_string())).collect()
    }
}

fn main() {}
