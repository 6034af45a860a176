use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[nocache]
    async fn find(&self, #[cache_skip] id: u64) -> u64 {
        id
    }

    fn look(&self) -> u64 {
        1
    }
}

fn main() {}
