use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(tags(user = user))]
impl Repo {
    #[cache(ttl = "5m")]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
