use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(ttl = "1m")]
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cache(batch = ids, shares = find, label = "{ids}")]
    async fn find_many(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {}
