use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, by: fn(u64) -> u64) -> u64 {
        by(1)
    }
}

fn main() {}
