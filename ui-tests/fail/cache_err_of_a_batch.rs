use std::collections::HashMap;

use redis_func_cache::cache_impl;

struct Repo;

#[derive(serde::Serialize, serde::Deserialize)]
struct Gone;

fn is_gone(_: &Gone) -> bool {
    true
}

#[cache_impl]
impl Repo {
    #[cache(batch = ids, cache_err = is_gone, ttl_err = "10s")]
    async fn find(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, Gone> {
        Ok(ids.iter().map(|id| (*id, *id)).collect())
    }
}

fn main() {}
