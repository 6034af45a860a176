//! What was computed before an invalidation is not stored after it, and of two computations the one
//! that began later counts: in every store and every stampede mode, whichever process invalidates.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Stampede, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, unique};
use tokio::sync::Semaphore;

/// A row that changes, and a method that has read it and has not returned yet.
#[derive(Default)]
struct Repo {
    row: AtomicU64,
    runs: AtomicU64,
    read: Semaphore0,
    go_on: Semaphore0,
}

/// Starts at nothing.
struct Semaphore0(Semaphore);

impl Default for Semaphore0 {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Semaphore0 {
    async fn take(&self) {
        self.0.acquire().await.unwrap().forget();
    }

    fn give(&self) {
        self.0.add_permits(1);
    }
}

#[cache_impl]
impl Repo {
    async fn slow(&self, _id: u64) -> u64 {
        let row = self.row.load(Ordering::SeqCst);
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.read.give();
        self.go_on.take().await;
        row
    }

    async fn quick(&self, _id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.row.load(Ordering::SeqCst)
    }

    #[nocache]
    #[invalidates(slow(id))]
    async fn write_one(&self, id: u64) {
        let _ = id;
    }

    #[nocache]
    #[invalidates(slow(..))]
    async fn write_all(&self) {}
}

#[derive(Debug, Clone, Copy)]
enum How {
    Handle,
    One,
    All,
    Purge,
    Put,
    Refresh,
}

const HOWS: [How; 6] = [
    How::Handle,
    How::One,
    How::All,
    How::Purge,
    How::Put,
    How::Refresh,
];

/// Drops, or replaces, what was stored of a row that is 1 by now.
async fn overtake(how: How, cache: &Cache, repo: &CachedRepo) {
    let handle = || repo.entry().slow(1);
    match how {
        How::Handle => drop(handle().invalidate().await.unwrap()),
        How::One => repo.write_one(1).await,
        How::All => repo.write_all().await,
        How::Purge => drop(cache.purge().await.unwrap()),
        How::Put => handle().put(&1).await.unwrap(),
        How::Refresh => {
            CachedRepo::inner(repo).go_on.give();
            assert_eq!(handle().refresh().await, 1);
        }
    }
}

async fn is_overtaken(how: How, settings: impl Fn(CacheBuilder) -> CacheBuilder, same: bool) {
    let name = unique("fences");
    let build = || settings(Cache::builder(&name)).build().unwrap();
    let cache = build();
    // Another cache of the same name is what another process would have.
    let other = if same { cache.clone() } else { build() };
    let sources = [Arc::<Repo>::default(), Arc::default()];
    let repo = sources[0].clone().cached(&cache);
    let others = sources[1].clone().cached(&other);

    let early = tokio::spawn({
        let repo = repo.clone();
        async move { repo.slow(1).await }
    });
    sources[0].read.take().await;
    for source in &sources {
        source.row.store(1, Ordering::SeqCst);
    }
    overtake(how, &other, &others).await;
    sources[0].go_on.give();
    assert_eq!(early.await.unwrap(), 0, "an early call gets what it read");

    // Whatever is stored now has seen the write.
    for (repo, source) in [(&others, &sources[1]), (&repo, &sources[0])] {
        for _ in 0..2 {
            source.go_on.give();
            assert_eq!(repo.slow(1).await, 1, "{how:?}, same cache: {same}");
        }
    }
}

fn stampedes() -> [Stampede; 3] {
    [Stampede::Lease, Stampede::Local, Stampede::Off]
}

#[tokio::test]
async fn a_value_from_before_an_invalidation_is_not_stored_after_it() {
    for how in HOWS {
        for stampede in stampedes() {
            is_overtaken(how, |cache| cache.stampede(stampede), true).await;
        }
    }
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for how in HOWS {
            for stampede in stampedes() {
                for (same, multiple) in [(true, true), (false, false), (false, true)] {
                    let settings = |cache: CacheBuilder| {
                        let cache = cache
                            .redis(server.url())
                            .deadline(PATIENT)
                            .stampede(stampede);
                        if multiple {
                            cache.multiple()
                        } else {
                            cache.single()
                        }
                    };
                    is_overtaken(how, settings, same).await;
                }
            }
        }
        check_pairs(&server);
    }
}

/// Calls that come after an invalidation elsewhere may join a computation from before it: then it
/// is not theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_joins_after_a_remote_invalidation_gets_no_older_value() {
    for how in [How::Handle, How::All] {
        is_not_given_an_older_value(how).await;
    }
}

async fn is_not_given_an_older_value(how: How) {
    let server = Server::start();
    let name = unique("fences");
    let build = || {
        Cache::builder(&name)
            .redis(server.url())
            .deadline(PATIENT)
            .build()
            .unwrap()
    };
    let source = Arc::new(Repo::default());
    let (repo, others) = (
        source.clone().cached(&build()),
        source.clone().cached(&build()),
    );
    let early = tokio::spawn({
        let repo = repo.clone();
        async move { repo.slow(1).await }
    });
    source.read.take().await;
    source.row.store(1, Ordering::SeqCst);
    overtake(how, &build(), &others).await;
    let late: Vec<_> = (0..20)
        .map(|_| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.slow(1).await })
        })
        .collect();
    // They have missed and joined, or will in a moment; either way the leader goes on.
    tokio::time::sleep(Duration::from_millis(30)).await;
    for _ in 0..22 {
        source.go_on.give();
    }
    assert_eq!(early.await.unwrap(), 0);
    for call in late {
        assert_eq!(call.await.unwrap(), 1);
    }
    check_pairs(&server);
}

/// Whichever ends first.
#[tokio::test]
async fn of_two_computations_the_one_that_started_later_is_stored() {
    let server = Server::start();
    for url in [None, Some(server.url())] {
        for later_ends_first in [true, false] {
            let cache = Cache::builder(unique("fences")).stampede(Stampede::Off);
            let cache = match &url {
                Some(url) => cache.redis(url).deadline(PATIENT),
                None => cache,
            };
            let cache = cache.build().unwrap();
            let sources = [Arc::<Repo>::default(), Arc::default()];
            sources[1].row.store(1, Ordering::SeqCst);
            let mut calls = Vec::new();
            for source in &sources {
                let repo = source.clone().cached(&cache);
                calls.push(tokio::spawn(async move { repo.slow(1).await }));
                source.read.take().await;
            }
            let order = if later_ends_first { [1, 0] } else { [0, 1] };
            for at in order {
                sources[at].go_on.give();
                let call = std::mem::replace(&mut calls[at], tokio::spawn(async { 0 }));
                assert_eq!(call.await.unwrap(), at as u64);
            }
            let repo = sources[0].clone().cached(&cache);
            assert_eq!(repo.entry().slow(1).peek().await.unwrap(), Some(1));
        }
    }
}

#[tokio::test]
async fn a_cancelled_call_leaves_no_lease() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("fences"))
            .redis(server.url())
            .deadline(PATIENT);
        let cache = cache.build().unwrap();
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        // Given up before it begins, while it begins, and while the method runs.
        for micros in [0, 50, 100, 200, 400, 800, 3000, 30_000] {
            let call = repo.slow(1);
            let _ = tokio::time::timeout(Duration::from_micros(micros), call).await;
        }
        support::eventually("no lease is left", Duration::from_secs(5), || {
            !server.keys().iter().any(|key| key.ends_with(":2"))
        });
        source.go_on.give();
        assert_eq!(repo.quick(1).await, 0);
        check_pairs(&server);
    }
}

#[tokio::test]
async fn write_only_calls_are_fenced_as_well() {
    let server = Server::start();
    for url in [None, Some(server.url())] {
        let cache = Cache::builder(unique("fences"));
        let cache = match &url {
            Some(url) => cache.redis(url).deadline(PATIENT),
            None => cache,
        };
        let cache = cache.build().unwrap();
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        let writes = tokio::spawn({
            let (cache, repo) = (cache.clone(), repo.clone());
            async move { cache.write_only(repo.slow(1)).await }
        });
        source.read.take().await;
        overtake(How::Handle, &cache, &repo).await;
        source.go_on.give();
        assert_eq!(writes.await.unwrap(), 0);
        assert_eq!(repo.entry().slow(1).peek().await.unwrap(), None);
    }
}

/// Polls a call until its value is in the store, and never again after the store has said so.
async fn until_stored<F: Future<Output = u64> + Unpin>(call: &mut F, others: &CachedRepo) {
    loop {
        assert!(futures_util::poll!(&mut *call).is_pending());
        tokio::time::sleep(Duration::from_millis(20)).await;
        if others.entry().slow(1).peek().await.unwrap().is_some() {
            return;
        }
    }
}

/// Another process drops what a leader has just stored, before the leader hears of that: calls that
/// begin after it may join the leader, but are not given its value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_joins_after_the_put_was_sent_checks_the_value() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for how in [How::Handle, How::One, How::All, How::Purge] {
            for stampede in [Stampede::Lease, Stampede::Local] {
                let name = unique("fences");
                let build = || {
                    let cache = Cache::builder(&name).redis(server.url());
                    cache.stampede(stampede).deadline(PATIENT)
                };
                let (cache, other) = (build().build().unwrap(), build().build().unwrap());
                let source = Arc::new(Repo::default());
                let (repo, others) = (source.clone().cached(&cache), source.clone().cached(&other));

                let mut early = Box::pin(repo.slow(1));
                source.go_on.give();
                until_stored(&mut early, &others).await;
                source.row.store(1, Ordering::SeqCst);
                overtake(how, &other, &others).await;
                let late: Vec<_> = (0..3)
                    .map(|_| {
                        let repo = repo.clone();
                        tokio::spawn(async move { repo.slow(1).await })
                    })
                    .collect();
                // They miss, and join.
                tokio::time::sleep(Duration::from_millis(50)).await;
                for _ in 0..late.len() {
                    source.go_on.give();
                }
                assert_eq!(early.await, 0);
                for call in late {
                    assert_eq!(call.await.unwrap(), 1, "{how:?}, {stampede:?}, {binary}");
                }
                assert_eq!(
                    source.runs.load(Ordering::SeqCst),
                    2,
                    "the late ones share a run"
                );
            }
        }
        check_pairs(&server);
    }
}

/// A process waits for another that computes: what it then finds, it does not look for once more
/// for each of its calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hit_serves_every_follower_that_joined_before_the_lookup() {
    let server = Server::start();
    let name = unique("fences");
    let build = || {
        let cache = Cache::builder(&name).redis(server.url());
        cache.deadline(PATIENT).build().unwrap()
    };
    let (cache, other) = (build(), build());
    let source = Arc::new(Repo::default());
    let (repo, others) = (source.clone().cached(&cache), source.clone().cached(&other));
    let elsewhere = tokio::spawn(async move { others.slow(1).await });
    source.read.take().await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.slow(1).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..=calls.len() {
        source.go_on.give();
    }
    assert_eq!(elsewhere.await.unwrap(), 0);
    for call in calls {
        assert_eq!(call.await.unwrap(), 0);
    }
    assert_eq!(source.runs.load(Ordering::SeqCst), 1);
    let stats = cache.stats();
    assert_eq!((stats.count, stats.coalesced), (50, 50), "{stats:?}");
    check_pairs(&server);
}
