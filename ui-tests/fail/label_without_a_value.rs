use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(label)]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
