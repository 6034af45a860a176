use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(name = "user.find")]
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cache(name = "user.find")]
    async fn look(&self, id: u64) -> u64 {
        id + 1
    }
}

fn main() {}
