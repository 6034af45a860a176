//! Values past their TTL are served while one refresh runs behind, and no longer than was said.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, eventually, unique};

const START_US: u64 = 1_800_000_000_000_000;
const MINUTE: u64 = 60_000_000;

/// Answers with the number of its run.
#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    fails: AtomicBool,
    panics: AtomicBool,
    takes_ms: AtomicU64,
}

#[derive(Debug, Clone, PartialEq)]
struct Failure;

impl Repo {
    fn next(&self) -> Result<u64, Failure> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "a run that panics");
        if self.fails.load(Ordering::SeqCst) {
            return Err(Failure);
        }
        Ok(run)
    }
}

#[cache_impl(ttl = "10m")]
impl Repo {
    #[cache(stale = "20m")]
    async fn find(&self, _name: &str) -> Result<u64, Failure> {
        tokio::time::sleep(Duration::from_millis(self.takes_ms.load(Ordering::SeqCst))).await;
        self.next()
    }

    #[cache(stale = "20m", soft_timeout = "2s")]
    async fn prefer(&self, _id: u64) -> Result<u64, Failure> {
        tokio::time::sleep(Duration::from_millis(self.takes_ms.load(Ordering::SeqCst))).await;
        self.next()
    }

    #[cache(stale = "20m", soft_timeout = "20ms")]
    async fn hurry(&self, _id: u64) -> Result<u64, Failure> {
        tokio::time::sleep(Duration::from_millis(self.takes_ms.load(Ordering::SeqCst))).await;
        self.next()
    }

    #[cache(early = 0.9)]
    async fn early(&self, _id: u64) -> Result<u64, Failure> {
        self.next()
    }

    #[cache(stale = "20m")]
    fn blocks(&self, _name: &str) -> Result<u64, Failure> {
        std::thread::sleep(Duration::from_millis(self.takes_ms.load(Ordering::SeqCst)));
        self.next()
    }
}

struct Subject {
    clock: Arc<AtomicU64>,
    cache: Cache,
    source: Arc<Repo>,
    repo: CachedRepo,
}

impl Subject {
    fn new(settings: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let clock = Arc::new(AtomicU64::new(START_US));
        let builder = Cache::builder(unique("stale")).manual_clock(clock.clone());
        let cache = settings(builder).build().unwrap();
        let source = Arc::<Repo>::default();
        Self {
            clock,
            repo: source.clone().cached(&cache),
            cache,
            source,
        }
    }

    fn pass(&self, minutes: u64) {
        self.clock.fetch_add(minutes * MINUTE, Ordering::SeqCst);
    }

    fn runs(&self) -> u64 {
        self.source.runs.load(Ordering::SeqCst)
    }

    fn writes(&self) -> u64 {
        self.cache.stats().write
    }

    fn refreshed(&self, writes: u64) {
        eventually("a refresh behind", Duration::from_secs(10), || {
            self.writes() == writes
        });
    }
}

/// Runs a body on the memory store and on every server.
async fn everywhere<Fut: Future<Output = ()>>(body: impl Fn(Subject) -> Fut) {
    body(Subject::new(|builder| builder)).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        body(Subject::new(|builder| {
            builder.redis(server.url()).deadline(PATIENT)
        }))
        .await;
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_value_is_served_at_once_while_one_refresh_runs_in_the_background() {
    everywhere(|subject| async move {
        let Subject { repo, source, .. } = &subject;
        assert_eq!(repo.find("a").await, Ok(0));
        subject.pass(9);
        assert_eq!(repo.find("a").await, Ok(0));
        assert_eq!((subject.runs(), subject.cache.stats().stale), (1, 0));

        subject.pass(2);
        source.takes_ms.store(300, Ordering::SeqCst);
        let started = Instant::now();
        for _ in 0..20 {
            assert_eq!(repo.find("a").await, Ok(0));
        }
        assert!(started.elapsed() < Duration::from_millis(250), "at once");
        assert_eq!(subject.cache.stats().stale, 20);
        subject.refreshed(2);
        assert_eq!((repo.find("a").await, subject.runs()), (Ok(1), 2));
        // It is fresh for its whole TTL.
        subject.pass(9);
        assert_eq!((repo.find("a").await, subject.runs()), (Ok(1), 2));
        assert_eq!(subject.cache.stats().stale, 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_its_hard_expiry_no_value_is_served() {
    everywhere(|subject| async move {
        assert_eq!(subject.repo.find("a").await, Ok(0));
        subject.pass(30);
        assert_eq!(subject.repo.find("a").await, Ok(1));
        subject.pass(31);
        subject.source.fails.store(true, Ordering::SeqCst);
        assert_eq!(subject.repo.find("a").await, Err(Failure));
    })
    .await;
}

/// Whichever way a refresh comes to nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_refresh_is_not_retried_at_once() {
    everywhere(|subject| async move {
        let Subject { repo, source, .. } = &subject;
        for (panics, name) in [(false, "fails"), (true, "panics")] {
            let before = subject.runs();
            source.fails.store(false, Ordering::SeqCst);
            source.panics.store(false, Ordering::SeqCst);
            let value = repo.find(name).await.unwrap();
            subject.pass(11);
            source.fails.store(!panics, Ordering::SeqCst);
            source.panics.store(panics, Ordering::SeqCst);
            for _ in 0..50 {
                assert_eq!(repo.find(name).await, Ok(value));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(subject.runs() - before, 2, "the value and one try");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_value_is_preferred_within_the_soft_timeout() {
    everywhere(|subject| async move {
        let Subject { repo, source, .. } = &subject;
        assert_eq!(repo.prefer(1).await, Ok(0));
        assert_eq!(repo.hurry(1).await, Ok(1));
        subject.pass(11);
        source.takes_ms.store(200, Ordering::SeqCst);
        assert_eq!(repo.prefer(1).await, Ok(2), "within two seconds");
        assert_eq!(repo.hurry(1).await, Ok(1), "not within 20 ms");
        subject.refreshed(4);
        assert_eq!(repo.hurry(1).await, Ok(3));
        assert_eq!(subject.cache.stats().stale, 1);
        // A failure is no fresh value.
        subject.pass(11);
        source.takes_ms.store(0, Ordering::SeqCst);
        source.fails.store(true, Ordering::SeqCst);
        assert_eq!(repo.prefer(1).await, Ok(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refresh_runs_only_in_the_last_part_of_the_ttl() {
    everywhere(|subject| async move {
        assert_eq!(subject.repo.early(1).await, Ok(0));
        subject.pass(8);
        assert_eq!((subject.repo.early(1).await, subject.runs()), (Ok(0), 1));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(subject.runs(), 1);
        subject.pass(1);
        assert_eq!(subject.repo.early(1).await, Ok(0));
        subject.refreshed(2);
        assert_eq!(subject.repo.early(1).await, Ok(1));
        assert_eq!(subject.cache.stats().stale, 0);
        // Without a stale window the TTL is the end.
        subject.pass(10);
        assert_eq!(subject.repo.early(1).await, Ok(2));
    })
    .await;
}

#[test]
fn sync_methods_are_refreshed_in_the_background_with_and_without_a_runtime() {
    let server = Server::start();
    for url in [None, Some(server.url())] {
        let subject = Subject::new(|builder| match &url {
            Some(url) => builder.redis(url).deadline(PATIENT),
            None => builder,
        });
        assert_eq!(subject.repo.blocks("a"), Ok(0));
        subject.pass(11);
        subject.source.takes_ms.store(300, Ordering::SeqCst);
        let started = Instant::now();
        for _ in 0..10 {
            assert_eq!(subject.repo.blocks("a"), Ok(0));
        }
        assert!(started.elapsed() < Duration::from_millis(250), "at once");
        subject.refreshed(2);
        assert_eq!(subject.repo.blocks("a"), Ok(1));

        subject.pass(11);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async { assert_eq!(subject.repo.blocks("a"), Ok(1)) });
        subject.refreshed(3);
        assert_eq!(subject.repo.blocks("a"), Ok(2));
    }
    check_pairs(&server);
}

/// What an invalidation has dropped, a refresh that began before it does not bring back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_fenced() {
    everywhere(|subject| async move {
        let Subject { repo, source, .. } = &subject;
        assert_eq!(repo.find("a").await, Ok(0));
        subject.pass(11);
        source.takes_ms.store(200, Ordering::SeqCst);
        assert_eq!(repo.find("a").await, Ok(0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(repo.entry().find("a").invalidate().await.unwrap());
        eventually("the refresh runs", Duration::from_secs(10), || {
            subject.runs() == 2
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(repo.entry().find("a").peek().await.unwrap(), None);
    })
    .await;
}

/// Two caches of one name are what two processes would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_refreshes_and_its_failure_backs_off_all_processes() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let clock = Arc::new(AtomicU64::new(START_US));
        let name = unique("stale");
        let source = Arc::<Repo>::default();
        let repos: Vec<_> = (0..4)
            .map(|_| {
                let builder = Cache::builder(&name).manual_clock(clock.clone());
                let cache = builder
                    .redis(server.url())
                    .deadline(PATIENT)
                    .build()
                    .unwrap();
                source.clone().cached(&cache)
            })
            .collect();
        for repo in &repos {
            assert_eq!(repo.find("a").await, Ok(0));
        }
        clock.fetch_add(11 * MINUTE, Ordering::SeqCst);
        source.takes_ms.store(100, Ordering::SeqCst);
        source.fails.store(true, Ordering::SeqCst);
        for _ in 0..30 {
            for repo in &repos {
                assert_eq!(repo.find("a").await, Ok(0));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(source.runs.load(Ordering::SeqCst), 2, "on {binary}");
        check_pairs(&server);
    }
}
