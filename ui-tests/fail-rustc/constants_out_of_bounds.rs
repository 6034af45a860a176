use redis_func_cache::cache_impl;
use std::time::Duration;

const NEVER: Duration = Duration::ZERO;

struct Repo;

#[cache_impl(ttl = "5m")]
impl Repo {
    #[cache(ttl = NEVER)]
    async fn ttl(&self) -> u64 {
        1
    }
    #[cache(stale = Duration::MAX)]
    async fn stale(&self) -> u64 {
        1
    }
    #[cache(maxsize = 5 - 5)]
    async fn maxsize(&self) -> u64 {
        1
    }
}

fn main() {}
