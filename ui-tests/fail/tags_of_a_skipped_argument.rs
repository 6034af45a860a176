use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(tags(user = user))]
    async fn find(&self, #[cache_skip] user: u64, id: u64) -> u64 {
        user + id
    }
}

fn main() {}
