//! The memory store is the model of the scripts: the same calls against both give the same answers
//! and leave the same entries, for every policy, layout and server, after every step; hits are recorded
//! exactly in some runs and behind in others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Layout, Policy, Touch, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, unique};

/// Each method counts its own runs, so that a value tells which run it came from.
#[derive(Default)]
struct Subject {
    runs: AtomicU64,
}

#[cache_impl]
impl Subject {
    #[cache(maxsize = 1)]
    async fn one(&self, key: u8) -> (u8, u64) {
        self.next(key)
    }

    #[cache(maxsize = 3)]
    async fn three(&self, key: u8) -> (u8, u64) {
        self.next(key)
    }

    #[cache(maxsize = 8)]
    async fn eight(&self, key: u8) -> (u8, u64) {
        self.next(key)
    }

    #[cache(maxsize = 4, ttl = "1h")]
    async fn brief(&self, key: u8) -> (u8, u64) {
        self.next(key)
    }

    #[nocache]
    #[invalidates(three(..))]
    async fn drop_three(&self) {}

    #[nocache]
    #[invalidates(brief(..))]
    async fn drop_brief(&self) {}

    #[nocache]
    fn next(&self, key: u8) -> (u8, u64) {
        (key, self.runs.fetch_add(1, Ordering::SeqCst))
    }
}

#[derive(Debug, Clone, Copy)]
enum Method {
    One,
    Three,
    Eight,
    Brief,
}

const METHODS: [Method; 4] = [Method::One, Method::Three, Method::Eight, Method::Brief];
const KEYS: u8 = 4;

#[derive(Debug, Clone)]
enum Step {
    Call(Method, u8),
    Write(Method, u8),
    Put(Method, u8),
    Refresh(Method, u8),
    Invalidate(Method, u8),
    DropThree,
    DropBrief,
    Pass {
        minutes: u64,
    },
    /// The server's clock is set back.
    Back {
        minutes: u64,
    },
    Purge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let method = (0..METHODS.len()).prop_map(|i| METHODS[i]);
    let call = (method, 0..KEYS);
    let step = prop_oneof![
        12 => call.clone().prop_map(|(m, k)| Step::Call(m, k)),
        2 => call.clone().prop_map(|(m, k)| Step::Write(m, k)),
        1 => call.clone().prop_map(|(m, k)| Step::Put(m, k)),
        1 => call.clone().prop_map(|(m, k)| Step::Refresh(m, k)),
        2 => call.prop_map(|(m, k)| Step::Invalidate(m, k)),
        1 => Just(Step::DropThree),
        1 => Just(Step::DropBrief),
        3 => (1..50u64).prop_map(|minutes| Step::Pass { minutes }),
        1 => (1..90u64).prop_map(|minutes| Step::Back { minutes }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..60)
}

// A match arm for each method keeps the handles' own types.
macro_rules! of {
    ($entry:expr, $method:expr, $key:expr, $($then:tt)*) => {
        match $method {
            Method::One => $entry.one($key)$($then)*,
            Method::Three => $entry.three($key)$($then)*,
            Method::Eight => $entry.eight($key)$($then)*,
            Method::Brief => $entry.brief($key)$($then)*,
        }
    };
}

async fn apply(cache: &Cache, repo: &CachedSubject, step: &Step) -> String {
    match *step {
        Step::Call(method, key) => format!("{:?}", of!(repo, method, key, .await)),
        Step::Write(method, key) => format!(
            "{:?}",
            cache
                .write_only(async { of!(repo, method, key, .await) })
                .await
        ),
        Step::Put(method, key) => format!(
            "{:?}",
            of!(repo.entry(), method, key, .put(&(key, 9_999)).await.unwrap())
        ),
        Step::Refresh(method, key) => {
            format!("{:?}", of!(repo.entry(), method, key, .refresh().await))
        }
        Step::Invalidate(method, key) => format!(
            "{:?}",
            of!(repo.entry(), method, key, .invalidate().await.unwrap())
        ),
        Step::DropThree => format!("{:?}", repo.drop_three().await),
        Step::DropBrief => format!("{:?}", repo.drop_brief().await),
        Step::Pass { .. } | Step::Back { .. } => String::new(),
        Step::Purge => format!("{}", cache.purge().await.unwrap()),
    }
}

/// What a cache holds, without touching anything.
async fn contents(cache: &Cache, repo: &CachedSubject) -> (u64, Vec<Option<(u8, u64)>>) {
    let calls = METHODS
        .into_iter()
        .flat_map(|method| (0..KEYS).map(move |key| (method, key)));
    let peeks = calls
        .map(|(method, key)| async move { of!(repo.entry(), method, key, .peek().await.unwrap()) });
    let found = futures_util::future::join_all(peeks).await;
    (cache.len().await.unwrap(), found)
}

fn caches(
    url: &str,
    settings: impl Fn(CacheBuilder) -> CacheBuilder,
) -> (Arc<AtomicU64>, [Cache; 2]) {
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let name = unique("model");
    let build = |builder: CacheBuilder| {
        settings(builder)
            .manual_clock(clock.clone())
            // It is not about time.
            .deadline(Duration::from_secs(5))
            .build()
            .unwrap()
    };
    let caches = [
        build(Cache::builder(&name).memory()),
        build(Cache::builder(&name).redis(url).deadline(PATIENT)),
    ];
    (clock, caches)
}

fn same_answers(server: &Server, policy: &Policy, layout: Layout, cluster: bool, touch: Touch) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = server.url();
    let settings = |builder: CacheBuilder| {
        let builder = builder.policy(policy.clone()).touch(touch);
        let builder = if layout == Layout::Multiple {
            builder.multiple()
        } else {
            builder.single()
        };
        if cluster { builder.cluster() } else { builder }
    };
    let mut runner = TestRunner::new(Config {
        cases: 10,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let (clock, [memory, redis]) = caches(&url, settings);
            let repos = [&memory, &redis].map(|cache| Subject::default().cached(cache));
            for (at, step) in steps.iter().enumerate() {
                match step {
                    Step::Pass { minutes } => {
                        clock.fetch_add(minutes * 60_000_000, Ordering::SeqCst)
                    }
                    Step::Back { minutes } => {
                        clock.fetch_sub(minutes * 60_000_000, Ordering::SeqCst)
                    }
                    _ => clock.fetch_add(1, Ordering::SeqCst),
                };
                let expected = apply(&memory, &repos[0], step).await;
                let found = apply(&redis, &repos[1], step).await;
                prop_assert_eq!(&found, &expected, "answer of step {}: {:?}", at, step);
                let expected = contents(&memory, &repos[0]).await;
                let found = contents(&redis, &repos[1]).await;
                prop_assert_eq!(found, expected, "contents after step {}: {:?}", at, step);
                let bound = if layout == Layout::Single {
                    8
                } else {
                    1 + 3 + 8 + 4
                };
                prop_assert!(redis.len().await.unwrap() <= bound);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| {
        panic!(
            "{policy} {layout:?} cluster {cluster} on {}: {error}",
            server.binary()
        )
    });
    check_pairs(server);
}

macro_rules! every_policy {
    ($($name:ident: $policy:expr;)*) => {$(
        #[test]
        fn $name() {
            for binary in binaries() {
                let server = Server::start_on(&binary);
                for layout in [Layout::Single, Layout::Multiple] {
                    for cluster in [false, true] {
                        let touch = if cluster { Touch::Exact } else { Touch::default() };
                        same_answers(&server, &$policy, layout, cluster, touch);
                    }
                }
            }
        }
    )*};
}
every_policy! {
    fifo_gives_the_same_answers_everywhere: Policy::Fifo;
    fifo_t_gives_the_same_answers_everywhere: Policy::FifoT;
    lru_gives_the_same_answers_everywhere: Policy::Lru;
    lru_t_gives_the_same_answers_everywhere: Policy::LruT;
    mru_gives_the_same_answers_everywhere: Policy::Mru;
    lfu_gives_the_same_answers_everywhere: Policy::Lfu;
}
