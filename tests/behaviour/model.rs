//! The memory store is the model of the scripts: the same calls against both give the same answers
//! and leave the same entries, for every policy, layout, entry point and server, after every step.

// What is peeked at may be a stored `None`.
#![allow(clippy::option_option)]

mod writes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis_func_cache::{Cache, CacheBuilder, Layout, Policy, Touch};
use support::{PATIENT, Server, binaries, check_pairs, unique};

use crate::entry_point::{Entry, EntryPoint, Method, Need, Source, Subject};

/// Of different bounds.
const METHODS: [Method; 4] = [
    Method::Size1,
    Method::Size3,
    Method::Size8,
    Method::Size4Hour,
];
const KEYS: u64 = 4;

/// Two entry points at a time use one cache.
const ENTRY_POINTS: [[EntryPoint; 2]; 3] = [
    [EntryPoint::Wrapper, EntryPoint::GetWith],
    [EntryPoint::InPlace, EntryPoint::Function],
    [EntryPoint::InPlaceTrait, EntryPoint::Associated],
];

/// Through one of two entry points, a method, and its argument.
#[derive(Debug, Clone, Copy)]
struct Call {
    through: usize,
    method: Method,
    key: u64,
}

#[derive(Debug, Clone)]
enum Step {
    Call(Call),
    Write(Call),
    Put(Call),
    Refresh(Call),
    Invalidate(Call),
    InvalidateAll(Call),
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
    let call = (0..2_usize, 0..METHODS.len(), 0..KEYS);
    let call = call.prop_map(|(through, method, key)| Call {
        through,
        method: METHODS[method],
        key,
    });
    let step = prop_oneof![
        12 => call.clone().prop_map(Step::Call),
        2 => call.clone().prop_map(Step::Write),
        1 => call.clone().prop_map(Step::Put),
        1 => call.clone().prop_map(Step::Refresh),
        2 => call.clone().prop_map(Step::Invalidate),
        2 => call.prop_map(Step::InvalidateAll),
        3 => (1..50u64).prop_map(|minutes| Step::Pass { minutes }),
        1 => (1..90u64).prop_map(|minutes| Step::Back { minutes }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..60)
}

/// One cache, through two entry points. A value tells which run it came from.
struct Subjects {
    cache: Cache,
    entry_points: [EntryPoint; 2],
    through: [Subject; 2],
}

impl Subjects {
    fn new(cache: Cache, entry_points: [EntryPoint; 2]) -> Self {
        let source = Source::new(|run| async move { Ok(Some(run.id * 1_000 + run.number)) });
        Self {
            through: entry_points.map(|entry_point| entry_point.subject(&cache, &source)),
            entry_points,
            cache,
        }
    }

    fn of(&self, call: Call) -> &Subject {
        &self.through[call.through]
    }

    fn entry(&self, call: Call) -> Entry<'_> {
        self.of(call).entry(call.method, call.key)
    }

    async fn apply(&self, step: &Step) -> String {
        match *step {
            Step::Call(call) => {
                let answer = self.of(call).call(call.method, call.key).await;
                format!("{answer:?}")
            }
            Step::Write(call) => {
                let answer = self.of(call).call(call.method, call.key);
                format!("{:?}", self.cache.write_only(answer).await)
            }
            Step::Put(call) => format!("{:?}", self.entry(call).put(Some(9_999)).await.unwrap()),
            Step::Refresh(call) if !self.entry_points[call.through].offers(Need::Refresh) => {
                String::new()
            }
            Step::Refresh(call) => format!("{:?}", self.entry(call).refresh().await),
            Step::Invalidate(call) => format!("{}", self.entry(call).invalidate().await.unwrap()),
            Step::InvalidateAll(call) => {
                let all = self.of(call).invalidate_all(call.method);
                format!("{:?}", all.await.unwrap())
            }
            Step::Pass { .. } | Step::Back { .. } => String::new(),
            Step::Purge => format!("{}", self.cache.purge().await.unwrap()),
        }
    }

    /// What the cache holds, without touching anything.
    async fn contents(&self) -> (u64, Vec<Option<Option<u64>>>) {
        let calls = (0..2).flat_map(|through| {
            METHODS.into_iter().flat_map(move |method| {
                (0..KEYS).map(move |key| Call {
                    through,
                    method,
                    key,
                })
            })
        });
        let peeks = calls.map(|call| async move { self.entry(call).peek().await.unwrap() });
        let found = futures_util::future::join_all(peeks).await;
        (self.cache.len().await.unwrap(), found)
    }
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

fn same_answers(
    server: &Server,
    policy: &Policy,
    layout: Layout,
    cluster: bool,
    entry_points: [EntryPoint; 2],
) {
    // Hits are recorded at once in some runs, and in the background in others.
    let touch = if cluster {
        Touch::Exact
    } else {
        Touch::default()
    };
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
        cases: support::cases(if support::is_further_server() { 1 } else { 3 }),
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let (clock, [memory, redis]) = caches(&url, settings);
            let memory = Subjects::new(memory, entry_points);
            let redis = Subjects::new(redis, entry_points);
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
                let expected = memory.apply(step).await;
                let found = redis.apply(step).await;
                prop_assert_eq!(&found, &expected, "answer of step {}: {:?}", at, step);
                let expected = memory.contents().await;
                let found = redis.contents().await;
                prop_assert_eq!(found, expected, "contents after step {}: {:?}", at, step);
                let bound = if layout == Layout::Single {
                    8
                } else {
                    2 * (1 + 3 + 8 + 4)
                };
                prop_assert!(redis.cache.len().await.unwrap() <= bound);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| {
        panic!(
            "{policy} {layout:?} cluster {cluster} {entry_points:?} on {}: {error}",
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
                        for entry_points in ENTRY_POINTS {
                            same_answers(&server, &$policy, layout, cluster, entry_points);
                        }
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
