use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, #[cache_key(page)] id: u64, page: u64) -> u64 {
        id + page
    }
}

fn main() {}
