use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> Option<String> {
        ids.first().map(|id| id.to_string())
    }
}

fn main() {}
