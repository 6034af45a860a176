#![deny(warnings)]
//! A connection is only the way to the data: it may be lent mutably, or be a function.

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Connection(u64);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, #[cache_skip] db: &mut Connection, id: u64) -> u64 {
        db.0 += 1;
        id
    }

    fn look(&self, #[cache_skip] db: &mut Connection, id: u64) -> Result<u64, String> {
        db.0 += 1;
        Ok(id)
    }

    fn by<F: FnMut(u64) -> u64>(&self, #[cache_skip] mut by: F, id: u64) -> u64 {
        by(id)
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    let mut db = Connection(0);
    for _ in 0..2 {
        assert_eq!(repo.find(&mut db, 3).await, 3);
        assert_eq!(repo.look(&mut db, 3), Ok(3));
        assert_eq!(repo.by(|id| id + 1, 3), 4);
    }
    assert_eq!((db.0, cache.stats().hit), (2, 3));
}
