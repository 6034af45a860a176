use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl_none = 10)]
impl Repo {
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}

fn main() {}
