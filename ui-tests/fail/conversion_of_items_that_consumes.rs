use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, ids: impl IntoIterator<Item = u64> + std::fmt::Debug) -> u64 {
        ids.into_iter().sum()
    }
}

fn main() {}
