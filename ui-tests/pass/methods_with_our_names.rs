#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Repo;

#[cache_impl]
impl Repo {
    fn cached(&self, id: u8) -> u8 {
        id
    }
    fn inner(&self, id: u8) -> u8 {
        id
    }
    #[cache]
    fn new(&self, id: u8) -> u8 {
        id
    }
    #[cache]
    fn clone(&self) -> u8 {
        7
    }
    async fn fmt(&self, id: u8) -> u8 {
        id
    }
    fn wrap(&self, #[cache_skip] id: u8) -> u8 {
        id
    }
    fn peek(&self) -> u8 {
        1
    }
}

/// With a method `entry` the wrapper has no other way to its handles.
struct Journal;

#[cache_impl]
impl Journal {
    fn entry(&self, id: u8) -> u8 {
        id
    }
    #[nocache]
    fn inner(&self, id: u8) -> u8 {
        id
    }
    #[nocache]
    #[invalidates(entry(id))]
    async fn forget(&self, id: u8) -> u8 {
        id
    }
}

fn same<T: Clone>(value: &T) -> T {
    value.clone()
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = redis_func_cache::CacheExt::cached(Repo, &cache);
    let other = same(&repo);
    for repo in [&repo, &other] {
        assert_eq!(
            (repo.cached(1), repo.inner(2), repo.new(3), repo.clone()),
            (1, 2, 3, 7)
        );
        assert_eq!((repo.fmt(4).await, repo.wrap(5), repo.peek()), (4, 5, 1));
    }
    assert_eq!(cache.stats().hit, 7);
    assert_eq!(repo.entry().cached(1).peek().unwrap(), Some(1));
    assert_eq!(repo.entry().inner(1).refresh(), 1);
    assert_eq!(repo.entry().clone().refresh(), 7);
    assert_eq!(repo.entry().fmt(4).refresh().await, 4);
    assert_eq!(repo.entry().wrap().refresh(6), 6);
    assert_eq!(format!("{repo:?}"), "CachedRepo { .. }");

    let journal = Journal.cached(&cache);
    assert_eq!(journal.entry(1) + journal.entry(1) + journal.inner(1), 3);
    let len = cache.len().await.unwrap();
    journal.forget(1).await;
    assert_eq!(cache.len().await.unwrap(), len - 1);
}
