use redis_func_cache::cache_impl;

struct Repo;
struct Ctx;

#[cache_impl(ttl = "5m", stale = "10m")]
impl Repo {
    async fn find(&self, #[cache_skip] _by: &Ctx, id: u64) -> u64 {
        id
    }
}

fn main() {}
