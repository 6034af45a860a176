use redis_func_cache::cache_impl;

struct Repo;

fn life(id: &u64) -> std::time::Duration {
    std::time::Duration::from_secs(*id)
}

#[cache_impl]
impl Repo {
    #[cache(ttl_fn = life, ttl = "5m")]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
