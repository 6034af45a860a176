//! The same for what writes: two builds of a program, tags, methods that declare what they invalidate and update,
//! transactions, tokens, and invalidations that have to wait for the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis_func_cache::{
    Availability, Cache, CacheBuilder, CacheExt as _, EntryToken, Layout, Policy, Touch,
};
use support::{PATIENT, Server, binaries, check_pairs, unique};
use tokio::time::sleep;

const KEYS: u64 = 3;
const METHODS: [Method; 3] = [Method::Plain, Method::Tagged, Method::Owned];

#[derive(Debug, Clone, Copy)]
enum Method {
    Plain,
    /// Has a tag by its argument.
    Tagged,
    /// Has one by its value.
    Owned,
}

/// Of one of the builds.
#[derive(Debug, Clone, Copy)]
struct Call {
    build: usize,
    method: Method,
    key: u64,
}

#[derive(Debug, Clone)]
enum Step {
    Call(Call),
    Put(Call),
    Begin(Call),
    /// Stores what was read since `Begin`, if nothing has overtaken it.
    PutIfCurrent,
    Invalidate(Call),
    InvalidateAll(Call),
    InvalidateTag {
        name: &'static str,
        value: u64,
    },
    ExpireTag {
        name: &'static str,
        value: u64,
    },
    Write(Call),
    WriteTag(Call),
    Update(Call),
    Transaction {
        steps: Vec<Step>,
        commits: bool,
    },
    /// A write while the store refuses writes: it is sent when that has ended.
    WriteInOutage(Call),
    Pass {
        minutes: u64,
    },
    Purge,
}

fn call() -> impl Strategy<Value = Call> + Clone {
    (0..2_usize, 0..METHODS.len(), 0..KEYS).prop_map(|(build, method, key)| Call {
        build,
        method: METHODS[method],
        key,
    })
}

fn tag() -> impl Strategy<Value = (&'static str, u64)> {
    prop_oneof![
        (0..KEYS).prop_map(|key| ("key", key)),
        (0..2_u64).prop_map(|owner| ("owner", owner)),
    ]
}

fn steps(has_outages: bool) -> impl Strategy<Value = Vec<Step>> {
    let within = || {
        prop_oneof![
            3 => call().prop_map(Step::Call),
            2 => call().prop_map(Step::Write),
            1 => call().prop_map(Step::WriteTag),
            1 => call().prop_map(Step::Update),
            1 => call().prop_map(Step::Put),
            1 => call().prop_map(Step::Invalidate),
            1 => call().prop_map(Step::InvalidateAll),
            1 => tag().prop_map(|(name, value)| Step::InvalidateTag { name, value }),
        ]
    };
    let transaction = (prop::collection::vec(within(), 1..5), any::<bool>());
    let step = prop_oneof![
        12 => call().prop_map(Step::Call),
        4 => within(),
        2 => transaction.prop_map(|(steps, commits)| Step::Transaction { steps, commits }),
        2 => call().prop_map(Step::Begin),
        2 => Just(Step::PutIfCurrent),
        1 => tag().prop_map(|(name, value)| Step::ExpireTag { name, value }),
        2 => (1..12_u64).prop_map(|minutes| Step::Pass { minutes }),
        u32::from(has_outages) => call().prop_map(Step::WriteInOutage),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..40)
}

/// An expression for the wrapper of the build that a call is of.
macro_rules! of_build {
    ($this:expr, $call:expr, |$shelf:ident| $does:expr) => {
        if $call.build == 0 {
            let $shelf = &$this.before;
            $does
        } else {
            let $shelf = &$this.after;
            $does
        }
    };
}

/// An expression for the handle on the entry of a call.
macro_rules! of_entry {
    ($this:expr, $call:expr, |$entry:ident| $does:expr) => {
        of_build!($this, $call, |shelf| match $call.method {
            Method::Plain => {
                let $entry = shelf.entry().plain($call.key);
                $does
            }
            Method::Tagged => {
                let $entry = shelf.entry().tagged($call.key);
                $does
            }
            Method::Owned => {
                let $entry = shelf.entry().owned($call.key);
                $does
            }
        })
    };
}

/// One cache, and both builds on it.
struct Subjects {
    cache: Cache,
    before: before::shelf::CachedShelf,
    after: after::shelf::CachedShelf,
    numbers: Arc<AtomicU64>,
    token: Option<(Call, EntryToken)>,
}

impl Subjects {
    fn new(cache: Cache) -> Self {
        let numbers = Arc::<AtomicU64>::default();
        Self {
            before: before::shelf::Shelf(numbers.clone()).cached(&cache),
            after: after::shelf::Shelf(numbers.clone()).cached(&cache),
            cache,
            numbers,
            token: None,
        }
    }

    async fn call(&self, call: Call) -> u64 {
        of_build!(self, call, |shelf| match call.method {
            Method::Plain => shelf.plain(call.key).await,
            Method::Tagged => shelf.tagged(call.key).await,
            Method::Owned => shelf.owned(call.key).await,
        })
    }

    fn next(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst)
    }

    async fn apply(&mut self, step: &Step) -> String {
        match step {
            Step::Begin(call) => {
                let token = of_entry!(self, call, |entry| entry.begin().await.unwrap());
                self.token = Some((*call, token));
                String::new()
            }
            Step::PutIfCurrent => {
                let Some((call, token)) = self.token.take() else {
                    return String::new();
                };
                let value = self.next();
                let put = of_entry!(self, call, |entry| entry
                    .put_if_current(&value, token)
                    .await);
                format!("{:?}", put.unwrap())
            }
            Step::Transaction { steps, commits } => {
                let transaction = self.cache.after_commit(async {
                    let mut answers = String::new();
                    for step in steps {
                        answers += &self.apply_within(step).await;
                    }
                    if *commits { Ok(answers) } else { Err(answers) }
                });
                format!("{:?}", transaction.await)
            }
            step => self.apply_within(step).await,
        }
    }

    /// What a transaction may hold.
    async fn apply_within(&self, step: &Step) -> String {
        match step {
            Step::Call(call) => self.call(*call).await.to_string(),
            Step::Put(call) => {
                let value = self.next();
                let put = of_entry!(self, call, |entry| entry.put(&value).await);
                format!("{:?}", put.unwrap())
            }
            Step::Invalidate(call) => {
                let removed = of_entry!(self, call, |entry| entry.invalidate().await);
                format!("{:?}", removed.unwrap())
            }
            Step::InvalidateAll(call) => {
                of_build!(self, call, |shelf| match call.method {
                    Method::Plain => shelf.all().plain().invalidate().await.unwrap(),
                    Method::Tagged => shelf.all().tagged().invalidate().await.unwrap(),
                    Method::Owned => shelf.all().owned().invalidate().await.unwrap(),
                });
                String::new()
            }
            Step::InvalidateTag { name, value } => {
                self.cache.tag(name, value).invalidate().await.unwrap();
                String::new()
            }
            Step::ExpireTag { name, value } => {
                self.cache.tag(name, value).expire().await.unwrap();
                String::new()
            }
            Step::Write(call) | Step::WriteInOutage(call) => {
                of_build!(self, call, |shelf| shelf.write(call.key).await);
                String::new()
            }
            Step::WriteTag(call) => {
                of_build!(self, call, |shelf| shelf.write_tag(call.key).await);
                String::new()
            }
            Step::Update(call) => {
                of_build!(self, call, |shelf| shelf.update(call.key).await).to_string()
            }
            Step::Purge => format!("{}", self.cache.purge().await.unwrap()),
            Step::Pass { .. } => String::new(),
            Step::Begin(_) | Step::PutIfCurrent | Step::Transaction { .. } => {
                unreachable!("{step:?} is not a part of a transaction")
            }
        }
    }

    /// What the cache holds, without touching anything.
    async fn contents(&self) -> (u64, Vec<Option<u64>>) {
        let mut found = Vec::new();
        for build in 0..2 {
            for method in METHODS {
                for key in 0..KEYS {
                    let call = Call { build, method, key };
                    found.push(of_entry!(self, call, |entry| entry.peek().await.unwrap()));
                }
            }
        }
        (self.cache.len().await.unwrap(), found)
    }
}

/// The model, and Redis.
struct World<'a> {
    server: &'a Server,
    clock: Arc<AtomicU64>,
    memory: Subjects,
    redis: Subjects,
}

impl World<'_> {
    fn new(server: &Server, settings: impl Fn(CacheBuilder) -> CacheBuilder) -> World<'_> {
        let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
        let name = unique("model");
        let build = |builder: CacheBuilder| {
            let builder = settings(builder).manual_clock(clock.clone());
            Subjects::new(builder.deadline(PATIENT).build().unwrap())
        };
        World {
            server,
            memory: build(Cache::builder(&name).memory()),
            redis: build(Cache::builder(&name).redis(server.url())),
            clock,
        }
    }

    async fn apply(&mut self, at: usize, step: &Step) -> Result<(), TestCaseError> {
        let passes = match step {
            Step::Pass { minutes } => minutes * 60_000_000,
            _ => 1,
        };
        self.clock.fetch_add(passes, Ordering::SeqCst);
        let expected = self.memory.apply(step).await;
        let is_outage = matches!(step, Step::WriteInOutage(_));
        if is_outage {
            let _: String = self.server.query(&["REPLICAOF", "127.0.0.1", "1"]);
        }
        let found = self.redis.apply(step).await;
        if is_outage {
            let queued = self.redis.cache.stats().queued;
            prop_assert!(queued > 0, "step {at} met no outage");
            prop_assert!(self.redis.cache.health().invalidations_pending);
            let _: String = self.server.query(&["REPLICAOF", "NO", "ONE"]);
            self.is_over().await;
        }
        prop_assert_eq!(&found, &expected, "answer of step {}: {:?}", at, step);
        let expected = self.memory.contents().await;
        let found = self.redis.contents().await;
        prop_assert_eq!(found, expected, "contents after step {}: {:?}", at, step);
        Ok(())
    }

    /// What was declared has been sent.
    async fn is_over(&self) {
        for _ in 0..2_000 {
            let health = self.redis.cache.health();
            if health.writes == Availability::Available && !health.invalidations_pending {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("still under way: {:?}", self.redis.cache.health());
    }
}

fn same_answers(policy: &Policy) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for (layout, cluster) in [
            (Layout::Single, false),
            (Layout::Multiple, false),
            (Layout::Single, true),
            (Layout::Multiple, true),
        ] {
            let settings = |builder: CacheBuilder| {
                let builder = builder.policy(policy.clone()).touch(Touch::Exact);
                let builder = match layout {
                    Layout::Multiple => builder.multiple(),
                    _ => builder.single(),
                };
                if cluster { builder.cluster() } else { builder }
            };
            let mut runner = TestRunner::new(Config {
                cases: support::cases(if support::is_further_server() { 2 } else { 5 }),
                failure_persistence: None,
                ..Config::default()
            });
            let has_outages = layout == Layout::Single && !cluster;
            let outcome = runner.run(&steps(has_outages), |steps| {
                runtime.block_on(async {
                    let mut world = World::new(&server, settings);
                    for (at, step) in steps.iter().enumerate() {
                        world.apply(at, step).await?;
                    }
                    Ok(())
                })
            });
            outcome.unwrap_or_else(|error| {
                panic!("{policy} {layout:?} cluster {cluster} on {binary}: {error}")
            });
        }
        check_pairs(&server);
    }
}

#[test]
fn writes_have_the_same_outcome_everywhere_with_lru_t() {
    same_answers(&Policy::LruT);
}

#[test]
fn writes_have_the_same_outcome_everywhere_with_fifo() {
    same_answers(&Policy::Fifo);
}
