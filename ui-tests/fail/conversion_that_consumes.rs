use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: impl Into<u64> + std::fmt::Debug) -> u64 {
        id.into()
    }
}

fn main() {}
