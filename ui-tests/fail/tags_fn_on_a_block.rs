use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(tags_fn = Self::tags_of)]
impl Repo {
    #[cache(ttl = "5m")]
    async fn find(&self, user: u64) -> u64 {
        user
    }
}

fn main() {}
