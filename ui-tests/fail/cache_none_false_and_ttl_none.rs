use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(cache_none = false, ttl_none = "10s")]
impl Repo {
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}

fn main() {}
