use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl = "5m", stale = "5m")]
impl Repo {
    async fn find<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> u64 {
        ids.into_iter().count() as u64
    }
}

fn main() {}
