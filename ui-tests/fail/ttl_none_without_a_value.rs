use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(ttl_none)]
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}

fn main() {}
