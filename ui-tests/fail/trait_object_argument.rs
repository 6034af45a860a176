use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, by: &(dyn Fn(u64) -> u64 + Sync)) -> u64 {
        by(1)
    }
}

fn main() {}
