use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(label = "{user}")]
    async fn find(&self, #[cache_skip] db: u64) -> u64 {
        db
    }
}

fn main() {}
