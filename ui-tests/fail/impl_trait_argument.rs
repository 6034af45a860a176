use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: impl Into<u64>) -> u64 {
        id.into()
    }
}

fn main() {}
