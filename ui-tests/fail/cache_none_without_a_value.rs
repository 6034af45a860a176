use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(cache_none)]
impl Repo {
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}

fn main() {}
