#![deny(warnings)]
#![allow(unexpected_cfgs)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Repo;

trait Store {
    #[cfg(not(never))]
    type Id;
    #[cfg(never)]
    type Never;
    fn get(&self) -> u8;
}

#[cache_impl]
impl Repo {
    #[cfg(not(never))]
    async fn find(&self, id: u8) -> u8 {
        id
    }

    #[cfg(never)]
    async fn find(&self, id: Missing, #[cache_skip] other: Missing) -> Missing {
        id
    }

    #[cfg(never)]
    fn look(&self, id: Missing, #[cache_skip] other: &Missing) -> Result<Missing, Missing> {
        Ok(id)
    }

    #[cfg(never)]
    #[nocache]
    #[invalidates(find(id))]
    fn write(&self, id: Missing) -> Missing {
        id
    }

    #[cfg(never)]
    #[nocache]
    fn change(&mut self) -> Missing {}
}

#[cache_impl(wrapper = CachedRepo)]
impl Store for Repo {
    #[cfg(not(never))]
    type Id = u8;
    #[cfg(never)]
    type Never = Missing;
    fn get(&self) -> u8 {
        3
    }
    #[cfg(never)]
    fn fetch(&self) -> Missing {}
    #[cfg(never)]
    fn make() -> Missing {}
}

struct Conditional;

#[cfg_attr(not(never), cache_impl(ttl = "5m"))]
#[cfg_attr(never, missing_attribute)]
impl Conditional {
    #[cfg_attr(never, missing_attribute)]
    #[cfg_attr(not(never), doc = "Looks.")]
    fn look(&self) -> u8 {
        1
    }
}

#[cfg(never)]
struct Absent(Missing);

#[cfg(never)]
#[cache_impl]
impl Absent {
    fn find(&self) -> Missing {}
}

#[cache_impl]
#[cfg(never)]
impl Absent {
    fn find(&self) -> Missing {}
    async fn skips(&self, #[cache_skip] id: Missing) -> Missing {}
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo.cached(&cache);
    assert_eq!(repo.find(3).await, repo.find(3).await);
    assert_eq!(repo.get(), 3);
    assert_eq!(cache.stats().hit, 1);
    assert_eq!(Conditional.cached(&cache).look(), 1);
    let _: <CachedRepo as Store>::Id = 3;
}
