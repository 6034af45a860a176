use redis_func_cache::{Cache, CacheExt as _, cache_impl};

trait Counter {
    fn look(&mut self, id: u64) -> u64;
}

struct Repo;

#[cache_impl(only(look))]
impl Counter for Repo {
    fn look(&mut self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let cache = Cache::builder("x").build().unwrap();
    Repo.cached(&cache);
}
