#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Repo;

#[cache_impl(codec = "json")]
impl Repo {
    fn find(&self, id: u64) -> Vec<u64> {
        vec![id]
    }
    #[cache(codec = "cbor")]
    fn look(&self) -> u64 {
        1
    }
}

pub fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    assert_eq!(
        (repo.find(1), repo.find(1), repo.look()),
        (vec![1], vec![1], 1)
    );
    assert_eq!(cache.stats().hit, 1);
}
