use redis_func_cache::cache_impl;

const SECONDS: u64 = 5;

struct Repo;

#[cache_impl(ttl = SECONDS)]
impl Repo {
    async fn find(&self) -> u64 {
        1
    }
}

fn main() {}
