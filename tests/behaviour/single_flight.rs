//! In one process, calls that miss at the same time run the method once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{PATIENT, Server, unique};
use tokio::sync::Notify;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    now: AtomicU64,
    most: AtomicU64,
    gate: Notify,
    other: std::sync::OnceLock<CachedRepo>,
}

impl Repo {
    async fn work(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Not `Clone`.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Row(u64);

/// Neither `Clone` nor anything else.
struct Failure;

/// What no codec can write.
#[derive(serde::Deserialize)]
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not to be written"))
    }
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Row {
        self.work().await;
        Row(id)
    }

    async fn large(&self, id: u64) -> Vec<u64> {
        self.work().await;
        vec![id; 100_000]
    }

    #[cache]
    async fn fail(&self, _id: u64) -> Result<Row, Failure> {
        self.work().await;
        Err(Failure)
    }

    async fn unwritable(&self, _id: u64) -> Unwritable {
        self.work().await;
        Unwritable
    }

    async fn stuck(&self, id: u64) -> Row {
        if self.runs.fetch_add(1, Ordering::SeqCst) == 0 {
            self.gate.notified().await;
        }
        Row(id)
    }

    async fn panic_once(&self, id: u64) -> Row {
        self.work().await;
        assert!(self.runs.load(Ordering::SeqCst) > 1, "the first run panics");
        Row(id)
    }

    async fn again(&self, id: u64) -> Row {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let other = self.other.get().unwrap();
        // Once more with the same arguments, as deep as the plain method would.
        if self.runs.load(Ordering::SeqCst) < 4 {
            return Box::pin(other.again(id)).await;
        }
        Row(id)
    }

    async fn cross(&self, a: bool) -> Row {
        let other = self.other.get().unwrap().clone();
        if self.runs.fetch_add(1, Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // In a task of its own, where it cannot be known which call waits for which.
            return tokio::spawn(crossed(other, !a)).await.unwrap();
        }
        Row(u64::from(a))
    }

    fn find_sync(&self, id: u64) -> Row {
        self.runs.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        Row(id)
    }
}

/// Without a type that holds itself.
fn crossed(repo: CachedRepo, a: bool) -> BoxFuture<'static, Row> {
    Box::pin(async move { repo.cross(a).await })
}

fn build(builder: CacheBuilder) -> (Cache, CachedRepo) {
    let cache = builder.build().unwrap();
    let repo = Repo::default().cached(&cache);
    let _ = CachedRepo::inner(&repo)
        .other
        .set(Repo::default().cached(&cache));
    (cache, repo)
}

fn fresh() -> (Cache, CachedRepo) {
    build(Cache::builder(unique("flights")))
}

fn runs(repo: &CachedRepo) -> u64 {
    CachedRepo::inner(repo).runs.load(Ordering::SeqCst)
}

async fn together<T: Send + 'static, Fut: Future<Output = T> + Send + 'static>(
    n: u64,
    call: impl Fn(u64) -> Fut,
) -> Vec<T> {
    let calls: Vec<_> = (0..n).map(|i| tokio::spawn(call(i))).collect();
    let ended = join_all(calls).await.into_iter();
    ended.map(Result::unwrap).collect()
}

async fn one_run_serves_all(cache: Cache, repo: CachedRepo, stored: bool) {
    let rows = together(100, |_| {
        let repo = repo.clone();
        async move { repo.find(1).await }
    })
    .await;
    assert!(rows.into_iter().all(|row| row == Row(1)));
    assert_eq!(runs(&repo), 1);
    let stats = cache.stats();
    assert_eq!((stats.count, stats.exec), (100, 1));
    assert_eq!(stats.coalesced + stats.hit, 99, "{stats:?}");
    assert_eq!(stats.write, u64::from(stored));
    if !stored {
        return;
    }
    let values = together(20, |_| {
        let repo = repo.clone();
        async move { repo.large(2).await }
    })
    .await;
    assert!(values.into_iter().all(|value| value == vec![2; 100_000]));
    assert_eq!(runs(&repo), 2, "a large value as well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_misses_run_the_method_once_in_memory() {
    let (cache, repo) = fresh();
    one_run_serves_all(cache, repo, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_misses_run_the_method_once_on_redis() {
    let server = Server::start();
    let (cache, repo) = build(
        Cache::builder(unique("flights"))
            .redis(server.url())
            .deadline(PATIENT),
    );
    one_run_serves_all(cache, repo, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_misses_run_the_method_once_while_the_store_is_unavailable() {
    let (cache, repo) = build(Cache::builder("away").redis("redis://127.0.0.1:1"));
    one_run_serves_all(cache, repo, false).await;
}

#[test]
fn threads_share_one_execution_of_a_sync_method() {
    let (_cache, repo) = fresh();
    let barrier = Arc::new(Barrier::new(8));
    let threads = (0..8).map(|_| {
        let (repo, barrier) = (repo.clone(), barrier.clone());
        std::thread::spawn(move || {
            barrier.wait();
            repo.find_sync(1)
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Row(1));
    }
    assert_eq!(runs(&repo), 1);
}

#[tokio::test]
async fn a_follower_replaces_a_cancelled_leader_at_once() {
    let (_cache, repo) = fresh();
    let call = || {
        let repo = repo.clone();
        tokio::spawn(async move { repo.stuck(1).await })
    };
    let leader = call();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let followers: Vec<_> = (0..10).map(|_| call()).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    leader.abort();
    // Far below the timeout of followers, so it is the leader's end that woke them.
    let rows = tokio::time::timeout(Duration::from_millis(400), join_all(followers)).await;
    assert!(rows.unwrap().into_iter().all(|row| row.unwrap() == Row(1)));
    assert_eq!(runs(&repo), 2);
}

#[test]
fn a_follower_replaces_a_leader_whose_runtime_ends_at_once() {
    let (_cache, repo) = fresh();
    let leading = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let leader = repo.clone();
    leading.spawn(async move { leader.stuck(1).await });
    while runs(&repo) == 0 {
        std::thread::yield_now();
    }
    let follower = {
        let repo = repo.clone();
        std::thread::spawn(move || pollster::block_on(repo.stuck(1)))
    };
    std::thread::sleep(Duration::from_millis(20));
    drop(leading);
    assert_eq!(follower.join().unwrap(), Row(1));
}

#[tokio::test]
async fn a_panic_reaches_only_its_own_caller() {
    let (_cache, repo) = fresh();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.panic_once(1).await })
        })
        .collect();
    let ended = join_all(calls).await;
    assert_eq!(ended.iter().filter(|call| call.is_err()).count(), 1);
    assert_eq!(runs(&repo), 2);
}

#[tokio::test]
async fn errors_are_not_shared_and_followers_retry_with_growing_width() {
    let (_cache, repo) = fresh();
    let results = together(40, |_| {
        let repo = repo.clone();
        async move { repo.fail(1).await }
    })
    .await;
    assert!(results.iter().all(Result::is_err));
    assert_eq!(runs(&repo), 40);
    let most = CachedRepo::inner(&repo).most.load(Ordering::SeqCst);
    assert!((4..=8).contains(&most), "{most} at the same time");
}

#[tokio::test]
async fn values_that_cannot_be_shared_are_recomputed_with_growing_width() {
    let (_cache, repo) = fresh();
    together(40, |_| {
        let repo = repo.clone();
        async move { repo.unwritable(1).await }
    })
    .await;
    assert_eq!(runs(&repo), 40);
    let most = CachedRepo::inner(&repo).most.load(Ordering::SeqCst);
    assert!((4..=8).contains(&most), "{most} at the same time");
}

#[tokio::test]
async fn a_method_that_calls_itself_does_not_wait_for_itself() {
    let (_cache, repo) = fresh();
    let outer = CachedRepo::inner(&repo);
    let inner = outer.other.get().unwrap();
    let _ = CachedRepo::inner(inner).other.set(inner.clone());
    let call = tokio::time::timeout(Duration::from_millis(400), repo.again(1));
    assert_eq!(call.await.unwrap(), Row(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_for_each_other_do_not_deadlock() {
    let (_cache, repo) = fresh();
    let inner = CachedRepo::inner(&repo).other.get().unwrap();
    let _ = CachedRepo::inner(inner).other.set(inner.clone());
    let calls = together(2, |i| {
        let repo = repo.clone();
        async move { repo.cross(i == 0).await }
    });
    let ended = tokio::time::timeout(Duration::from_secs(20), calls).await;
    assert_eq!(ended.expect("no deadlock").len(), 2);
}

#[tokio::test]
async fn a_call_after_an_invalidation_does_not_join_one_from_before() {
    let (cache, repo) = fresh();
    let early = {
        let repo = repo.clone();
        tokio::spawn(async move { repo.stuck(1).await })
    };
    tokio::time::sleep(Duration::from_millis(10)).await;
    repo.entry().stuck(1).invalidate().await.unwrap();
    let late = tokio::time::timeout(Duration::from_millis(400), repo.stuck(1)).await;
    assert_eq!(late.expect("it runs by itself"), Row(1));
    assert_eq!(cache.stats().write, 1);
    CachedRepo::inner(&repo).gate.notify_one();
    assert_eq!(early.await.unwrap(), Row(1));
    assert_eq!(cache.stats().write, 1, "what was overtaken is not stored");
}
