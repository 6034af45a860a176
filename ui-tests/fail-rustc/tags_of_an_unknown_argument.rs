use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl]
impl Repo {
    #[cache(tags(user = usr))]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
