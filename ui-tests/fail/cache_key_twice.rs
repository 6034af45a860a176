use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(
        &self,
        #[cache_key(id)]
        #[cache_key(id / 2)]
        id: u64,
    ) -> u64 {
        id
    }
}

fn main() {}
