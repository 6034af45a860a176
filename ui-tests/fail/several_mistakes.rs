use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(polcy = "lru", ttl = 5, vis = "public", maxsize = 3)]
impl Repo {
    async fn insert(&self, id: u64) -> u64 {
        id
    }

    async fn both(&mut self, into: &mut u64) -> u64 {
        *into
    }

    async fn notify(&self, #[cache_skip(x)] _id: u64) {}

    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
