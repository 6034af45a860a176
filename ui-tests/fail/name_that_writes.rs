use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn insert(&self, id: u64) -> u64 {
        id
    }

    #[cache]
    async fn set_of(&self, id: u64) -> u64 {
        id
    }

    async fn settings(&self) -> u64 {
        1
    }
}

fn main() {}
