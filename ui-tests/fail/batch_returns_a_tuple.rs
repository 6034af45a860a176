use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> Result<(u64, u64), ()> {
        Ok((ids.len() as u64, 1))
    }
}

fn main() {}
