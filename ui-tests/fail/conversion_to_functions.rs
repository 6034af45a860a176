use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, by: impl IntoIterator<Item = fn() -> u64>) -> u64 {
        by.into_iter().count() as u64
    }
}

fn main() {}
