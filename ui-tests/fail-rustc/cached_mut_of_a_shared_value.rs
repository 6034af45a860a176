use redis_func_cache::{Cache, CacheMutExt as _, cache_impl};

struct Repo;

#[cache_impl]
impl Repo {
    fn look(&self) -> u64 {
        1
    }
}

fn main() {
    let cache = Cache::builder("x").build().unwrap();
    Repo.cached_mut(&cache);
}
