use redis_func_cache::{Cache, cache_impl};

struct User;

#[cache_impl(cache = cache)]
impl User {
    async fn by_id(#[cache_skip] cache: &Cache, id: u64) -> u64 {
        id + cache.stats().hit
    }
}

fn main() {}
