use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(label = "{id}")]
impl Repo {
    #[cache(ttl = "1m")]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
