use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = id)]
    async fn find_many(&self, id: u64) -> HashMap<u64, String> {
        HashMap::from([(id, id.to_string())])
    }
}

fn main() {}
