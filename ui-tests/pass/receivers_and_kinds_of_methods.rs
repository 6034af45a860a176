#![deny(warnings)]
//! What cannot be cached is left out of the wrapper or handed through.

use std::sync::Arc;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(Default)]
struct Repo(u8);

#[cache_impl(self_key = ())]
impl Repo {
    const LIMIT: u8 = 3;

    fn new(of: u8) -> Self {
        Self(of)
    }

    const fn limit() -> u8 {
        Self::LIMIT
    }

    fn twice(&self, by: u8) -> u8 {
        self.0 * by
    }

    #[nocache]
    fn change(&mut self, to: u8) {
        self.0 = to;
    }

    #[nocache]
    fn into_value(self) -> u8 {
        self.0
    }

    #[nocache]
    fn shared(self: Arc<Self>) -> u8 {
        self.0
    }

    #[nocache]
    fn boxed(self: Box<Self>) -> u8 {
        self.0
    }

    #[nocache]
    const fn constant(&self) -> u8 {
        self.0
    }

    #[nocache]
    unsafe fn promise(&self, by: u8) -> u8 {
        self.0 + by
    }

    #[nocache]
    extern "C" fn foreign(&self) -> u8 {
        self.0
    }

    #[nocache]
    fn bytes(&self) -> &u8 {
        &self.0
    }

    #[nocache]
    fn count(&self) -> impl Iterator<Item = u8> {
        0..self.0
    }

    #[cache]
    fn set_of(&self, by: u8) -> Vec<u8> {
        vec![self.0, by]
    }
}

pub fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let mut plain = Repo::new(Repo::limit());
    plain.change(2);
    let repo = plain.cached(&cache);
    assert_eq!((repo.twice(4), repo.twice(4)), (8, 8));
    assert_eq!(repo.constant() + repo.foreign() + *repo.bytes(), 6);
    assert_eq!(unsafe { repo.promise(1) }, 3);
    assert_eq!(repo.count().count(), 2);
    assert_eq!(repo.set_of(1), [2, 1]);
    let others = [
        Arc::new(Repo(1)).shared(),
        Box::new(Repo(2)).boxed(),
        Repo(3).into_value(),
    ];
    assert_eq!((others, cache.stats().hit), ([1, 2, 3], 1));
}
