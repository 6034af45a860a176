use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl = "5m", early = 0.9)]
impl Repo {
    async fn find(&self, id: u64, #[cache_skip] _by: &(dyn Fn(u64) -> u64 + Sync)) -> u64 {
        id
    }
}

fn main() {}
