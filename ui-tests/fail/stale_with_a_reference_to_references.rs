use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl = "5m", stale = "10m")]
impl Repo {
    async fn find(&self, id: u64, _by: &[&str]) -> u64 {
        id
    }
}

fn main() {}
