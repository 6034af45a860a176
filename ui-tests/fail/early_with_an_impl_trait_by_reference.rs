use redis_func_cache::cache_impl;

struct Repo;

#[cache_impl(ttl = "5m")]
impl Repo {
    #[cache(early = "xfetch")]
    async fn find(&self, id: u64, _by: &(impl serde::Serialize + Sync)) -> u64 {
        id
    }
}

fn main() {}
