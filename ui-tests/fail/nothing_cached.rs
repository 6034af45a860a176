use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    fn new() -> Self {
        Self
    }

    #[nocache]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn uses(_: &CachedRepo) {}

fn main() {}
