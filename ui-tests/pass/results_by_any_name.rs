#![deny(warnings)]
//! `Result` is found by type: only `Ok` is stored, whatever the name.

use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(Debug)]
struct Failed;
type Two<T, E> = Result<T, E>;
type One<T> = Result<T, Failed>;
type None_ = std::result::Result<u64, Failed>;
type Flipped<E, T> = Result<T, E>;
type Plain = Vec<u64>;

#[derive(Default)]
struct Repo(AtomicU64);

impl Repo {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[cache_impl]
impl Repo {
    async fn two(&self, id: u64) -> Two<u64, Failed> {
        self.next();
        (id > 0).then_some(id).ok_or(Failed)
    }
    async fn one(&self, id: u64) -> One<u64> {
        self.next();
        (id > 0).then_some(id).ok_or(Failed)
    }
    fn none(&self, id: u64) -> None_ {
        self.next();
        (id > 0).then_some(id).ok_or(Failed)
    }
    fn flipped(&self, id: u64) -> Flipped<Failed, u64> {
        self.next();
        (id > 0).then_some(id).ok_or(Failed)
    }
    async fn io(&self, id: u64) -> std::io::Result<u64> {
        self.next();
        (id > 0)
            .then_some(id)
            .ok_or(std::io::ErrorKind::Other.into())
    }
    async fn plain(&self, id: u64) -> Plain {
        self.next();
        vec![id]
    }
    fn option(&self, id: u64) -> Option<u64> {
        self.next();
        (id > 0).then_some(id)
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo::default().cached(&cache);
    let calls = || CachedRepo::inner(&repo).0.load(Ordering::SeqCst);
    for _ in 0..2 {
        repo.two(1).await.unwrap();
        repo.one(1).await.unwrap();
        repo.none(1).unwrap();
        repo.flipped(1).unwrap();
        repo.io(1).await.unwrap();
        assert_eq!(repo.plain(0).await, [0]);
        assert_eq!(repo.option(0), None);
        assert_eq!(calls(), 7);
    }
    for _ in 0..2 {
        repo.two(0).await.unwrap_err();
        repo.one(0).await.unwrap_err();
        repo.none(0).unwrap_err();
        repo.flipped(0).unwrap_err();
        repo.io(0).await.unwrap_err();
    }
    assert_eq!(calls(), 17);
    let stored: u64 = repo.entry().flipped(1).peek().unwrap().unwrap();
    let nothing: Option<u64> = repo.entry().option(0).peek().unwrap().unwrap();
    assert_eq!((stored, nothing), (1, None));
    assert_eq!(repo.entry().one(7).refresh().await.unwrap(), 7);
}
