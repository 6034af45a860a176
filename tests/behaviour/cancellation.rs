//! Calls and writes whose callers go away at any time: no lease is left behind, and no invalidation
//! is lost.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{Server, binaries, eventually, unique};

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    is_stuck: AtomicBool,
    panics: AtomicBool,
}

#[derive(Debug, PartialEq)]
struct Refused;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        id
    }

    async fn list(&self, first: u64) -> u64 {
        first
    }

    #[nocache]
    #[invalidates(find(id), list(..))]
    async fn rename(&self, id: u64) -> Result<(), Refused> {
        let _ = id;
        if self.is_stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        assert!(!self.panics.load(Ordering::SeqCst), "as asked for");
        Ok(())
    }

    #[nocache]
    #[invalidates(find(id), list(..))]
    async fn refuse(&self, id: u64) -> Result<(), Refused> {
        let _ = id;
        Err(Refused)
    }

    #[nocache]
    #[invalidates(find(id), list(..))]
    fn rename_sync(&self, id: u64) {
        let _ = id;
        assert!(!self.panics.load(Ordering::SeqCst), "as asked for");
    }
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A cache in memory, and one on each server.
fn each(test: impl Fn(&Cache, &CachedRepo)) {
    let servers: Vec<_> = binaries().iter().map(Server::start_on).collect();
    let on = servers
        .iter()
        .map(|server| Cache::builder(unique("given-up")).redis(server.url()));
    for builder in on.chain([Cache::builder(unique("given-up"))]) {
        let cache = builder.build().unwrap();
        test(&cache, &Repo::default().cached(&cache));
    }
}

fn source(repo: &CachedRepo) -> &Repo {
    CachedRepo::inner(repo)
}

/// Whether the entries that `rename` drops are there.
fn are_stored(repo: &CachedRepo) -> bool {
    let entry = repo.entry();
    let find = pollster::block_on(entry.find(1).peek()).unwrap();
    let list = pollster::block_on(entry.list(1).peek()).unwrap();
    find.is_some() || list.is_some()
}

fn store(repo: &CachedRepo) {
    let entry = repo.entry();
    pollster::block_on(entry.find(1).put(&1)).unwrap();
    pollster::block_on(entry.list(1).put(&1)).unwrap();
}

fn are_dropped(what: &str, repo: &CachedRepo) {
    eventually(what, Duration::from_secs(10), || !are_stored(repo));
}

fn remain(repo: &CachedRepo) {
    std::thread::sleep(Duration::from_millis(100));
    assert!(are_stored(repo));
}

#[test]
fn an_invalidation_survives_its_caller() {
    each(|_, repo| {
        store(repo);
        // The method has succeeded in the first poll; without a runtime.
        let _ = poll(pin!(repo.rename(1)));
        are_dropped("dropped after the method", repo);
    });
}

#[test]
fn a_write_cancelled_while_it_runs_still_invalidates() {
    each(|_, repo| {
        source(repo).is_stuck.store(true, Ordering::SeqCst);
        store(repo);
        assert!(poll(pin!(repo.rename(1))).is_pending());
        are_dropped("dropped while the method runs", repo);

        for multi_thread in [false, true] {
            store(repo);
            let mut builder = if multi_thread {
                tokio::runtime::Builder::new_multi_thread()
            } else {
                tokio::runtime::Builder::new_current_thread()
            };
            let runtime = builder.enable_all().build().unwrap();
            let its = repo.clone();
            let write = runtime.spawn(async move { its.rename(1).await });
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
            assert!(!write.is_finished());
            remain(repo);
            drop(runtime);
            are_dropped("its runtime has shut down", repo);
        }
    });
}

#[test]
fn a_write_that_panics_still_invalidates() {
    each(|_, repo| {
        source(repo).panics.store(true, Ordering::SeqCst);
        store(repo);
        let write = AssertUnwindSafe(repo.rename(1)).catch_unwind();
        assert!(pollster::block_on(write).is_err());
        are_dropped("after a panic", repo);

        store(repo);
        assert!(catch_unwind(AssertUnwindSafe(|| repo.rename_sync(1))).is_err());
        are_dropped("after a panic of a sync method", repo);
    });
}

#[test]
fn a_write_that_fails_or_never_starts_invalidates_nothing() {
    each(|_, repo| {
        store(repo);
        assert_eq!(pollster::block_on(repo.refuse(1)), Err(Refused));
        drop(repo.rename(1));
        remain(repo);
    });
}

#[test]
fn no_old_value_is_left_after_a_write_returns() {
    each(|cache, repo| {
        for _ in 0..20 {
            store(repo);
            pollster::block_on(repo.rename(1)).unwrap();
            assert!(!are_stored(repo));
            store(repo);
            repo.rename_sync(1);
            assert!(!are_stored(repo));
        }
        assert_eq!(cache.stats().error, 0);
    });
}

/// Calls given up at any instant, many at a time, some while the server forgets its scripts: what
/// they may have asked for is released, and not renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_cancelled_calls_leave_no_lease() {
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        let name = unique("given-up");
        let cache = Cache::builder(&name).redis(server.url()).build().unwrap();
        let repo = Repo::default().cached(&cache);
        let has_ended = Arc::new(AtomicBool::new(false));
        let flushing = std::thread::spawn({
            let (server, has_ended) = (server.clone(), has_ended.clone());
            move || {
                let mut connection = server.connection();
                while !has_ended.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                    redis::cmd("SCRIPT")
                        .arg("FLUSH")
                        .exec(&mut connection)
                        .unwrap();
                }
            }
        });
        let tasks: Vec<_> = (0..32_u64)
            .map(|task| {
                let repo = repo.clone();
                tokio::spawn(async move {
                    for call in 0..150 {
                        let id = task * 1_000 + call;
                        let polls = (task + call) % 5;
                        give_up(repo.find(id), polls).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        has_ended.store(true, Ordering::SeqCst);
        flushing.join().unwrap();
        // A lease that could not be released ends by itself, as it is not renewed.
        eventually("no lease is held", Duration::from_secs(10), || {
            held(&server) == 0
        });
    }
}

/// How many leases have not ended.
fn held(server: &Server) -> usize {
    let [seconds, _]: [u64; 2] = server.query(&["TIME"]);
    let keys = server.keys().into_iter().filter(|key| key.ends_with(":2"));
    let leases = keys.flat_map(|key| server.query::<Vec<Vec<u8>>>(&["HVALS", &key]));
    let deadlines = leases.filter(|lease| lease.len() == 41);
    let deadlines = deadlines.map(|lease| u64::from_le_bytes(lease[..8].try_into().unwrap()));
    deadlines
        .filter(|&until_ms| until_ms > seconds * 1000)
        .count()
}

/// Drops a call after it was polled so often.
async fn give_up<T>(call: impl Future<Output = T>, polls: u64) {
    let mut call = pin!(call);
    for _ in 0..polls {
        if futures_util::poll!(call.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}
