use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    async fn insert(&self, #[cache_key(id / 2)] id: u64) -> u64 {
        id
    }
}

fn main() {}
