use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }

    #[cache(batch = ids, shares = find, tags(user = ids))]
    async fn find_many(&self, ids: &[u64]) -> Vec<Option<u64>> {
        ids.iter().copied().map(Some).collect()
    }
}

fn main() {}
