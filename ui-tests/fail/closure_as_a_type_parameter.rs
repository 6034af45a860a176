use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find<F: Fn(u64) -> u64>(&self, by: F) -> u64 {
        by(1)
    }

    async fn look<F>(&self, by: &F, #[cache_skip] other: F) -> u64
    where
        F: Fn(u64) -> u64 + Send,
    {
        by(other(1))
    }

    async fn all(&self, ids: impl Iterator<Item = u64>) -> Vec<u64> {
        ids.collect()
    }
}

fn main() {}
