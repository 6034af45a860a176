use redis_func_cache::cache_impl;

struct Repo;

fn is_gone(_: &u64) -> bool {
    true
}

#[cache_impl]
impl Repo {
    #[cache(cache_err = is_gone, ttl_err = "10s")]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
