use redis_func_cache::cache_impl;
use std::time::Duration;

struct Repo;

impl Repo {
    const TTL: Duration = Duration::from_secs(5);
}

#[cache_impl(ttl = Self::TTL)]
impl Repo {
    #[cache(maxsize = 2 * Self::SIZE)]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
