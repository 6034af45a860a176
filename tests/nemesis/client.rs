//! A process of many tasks that call at random, and write down what they saw.

use std::any::Any;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::history::{Event, Log, Method, Outcome, Question, build_of, now_us};
use crate::ops::Op;
use crate::runs::{CALL, Panic, Runs};
use crate::shop::{Shop, new, old};
use support::random::{Random, zipf};

/// Of every value, together with the time in which it is served although it is stale.
pub const TTL_MS: u64 = 1_000;
const KEYS: u32 = 24;
/// What the attribute below says.
const MAXSIZE: u32 = 16;

/// The orders of a client process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    pub url: String,
    pub name: String,
    pub directory: PathBuf,
    pub process: u32,
    pub seed: u64,
    pub tasks: u64,
    pub until_us: u64,
    pub work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Calls at random, until the time has come.
    Calls,
    /// Peeks at every entry once.
    LooksAround,
}

/// Follows its orders until the time has come.
pub async fn run(orders: Orders) {
    let cache = Cache::builder(&orders.name);
    let cache = cache.redis(&orders.url).build().unwrap();
    let log = Log::create(&orders.directory, orders.process);
    let runs = Runs::new(log, orders.process, orders.seed);
    if build_of(orders.process) == 0 {
        Caller::new(old::CachedRepo::new(runs, &cache), cache)
            .follow(&orders)
            .await;
    } else {
        Caller::new(new::CachedRepo::new(runs, &cache), cache)
            .follow(&orders)
            .await;
    }
}

/// Peeks at every entry, as two more processes, one of each build.
pub async fn look_around(orders: &Orders) {
    for process in [orders.process, orders.process + 1] {
        let orders = Orders {
            process,
            work: Work::LooksAround,
            ..orders.clone()
        };
        run(orders).await;
    }
}

/// Whether each pair could be filled with values of keys that no other process uses.
pub async fn fills_pairs(cache: &Cache, orders: &Orders) -> bool {
    let log = Log::scratch(&orders.directory);
    let runs = Runs::new(log, orders.process, orders.seed);
    let repo = old::CachedRepo::new(runs, cache);
    for key in KEYS..KEYS + 2 * MAXSIZE {
        for method in Method::ALL {
            if repo.put(Question { method, key }).await != Outcome::Done {
                return false;
            }
        }
    }
    true
}

struct Caller<S> {
    cache: Cache,
    shop: S,
    calls: AtomicU64,
}

impl<S: Shop> Caller<S> {
    fn new(shop: S, cache: Cache) -> Arc<Self> {
        Arc::new(Self {
            cache,
            shop,
            calls: AtomicU64::new(0),
        })
    }

    async fn follow(self: Arc<Self>, orders: &Orders) {
        match orders.work {
            Work::Calls => self.call_in_tasks(orders).await,
            Work::LooksAround => self.peek_at_all().await,
        }
        self.cache.close().await;
        let stats = self.cache.stats();
        self.shop.runs().log.write(&Event::Closed {
            queued: stats.queued,
            lost: stats.lost,
        });
    }

    async fn call_in_tasks(self: &Arc<Self>, orders: &Orders) {
        let tasks: Vec<_> = (0..orders.tasks)
            .map(|task| {
                let random = Random(orders.seed ^ (u64::from(orders.process) << 32) ^ (task << 16));
                tokio::spawn(self.clone().call_until(orders.until_us, random))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    async fn peek_at_all(self: &Arc<Self>) {
        for method in Method::ALL {
            for key in 0..KEYS {
                let question = Question { method, key };
                self.clone().one(Op::Peek, question, None).await;
            }
        }
    }

    async fn call_until(self: Arc<Self>, until_us: u64, mut random: Random) {
        let keys = zipf(KEYS, 1.0, 1_000, &mut random);
        for key in keys.into_iter().cycle() {
            if now_us() >= until_us {
                return;
            }
            let method = match random.draw() % 7 {
                0 => Method::Look,
                1 | 2 => Method::Fetch,
                3 | 4 => Method::Keep,
                _ => Method::Find,
            };
            // Some are left alone, so that they grow old.
            let is_left = key.is_multiple_of(3);
            let is_sync = method == Method::Look;
            let op = match random.draw() % 10_000 {
                0 => Op::Purge,
                1..20 => Op::InvalidateAll,
                20..40 => Op::InvalidateTag,
                40..60 => Op::WriteGroup,
                60..400 if !is_left => Op::Invalidate,
                400..800 if !is_left => Op::Write,
                800..950 if !is_left => Op::Commit,
                950..1_000 if !is_left => Op::RollBack,
                1_000..1_200 if !is_left && !is_sync => Op::Update,
                1_200..1_400 if !is_left && !is_sync => Op::PutIfCurrent,
                1_400..1_600 if !is_left && !is_sync => Op::Put,
                1_600..1_900 if !is_left && !is_sync => Op::Refresh,
                1_900..2_200 => Op::Peek,
                _ => Op::Call,
            };
            let time_limit = random
                .draw()
                .is_multiple_of(10)
                .then(|| Duration::from_millis(random.draw() % 20));
            self.clone()
                .one(op, Question { method, key }, time_limit)
                .await;
            sleep(Duration::from_millis(random.draw() % 16)).await;
        }
    }

    /// One call from its beginning to its end, or until the caller has had enough of it.
    async fn one(self: Arc<Self>, op: Op, question: Question, time_limit: Option<Duration>) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let log = |event| self.shop.runs().log.write(&event);
        log(Event::Invoked { call, op, question });
        let task = tokio::spawn(CALL.scope(call, self.clone().ask(op, question)));
        // A thread cannot be cancelled: the call would go on, and its outcome would be unknown.
        let can_be_cancelled = question.method != Method::Look;
        let can_be_cancelled = can_be_cancelled && op.may_be_cancelled();
        if let (Some(time_limit), true) = (time_limit, can_be_cancelled) {
            sleep(time_limit).await;
            task.abort();
        }
        let (outcome, troubled) = match task.await {
            Ok(ended) => ended,
            Err(ended) if ended.is_cancelled() => (Outcome::Cancelled, false),
            Err(ended) => (panicked(&*ended.into_panic()), false),
        };
        log(Event::Returned {
            call,
            outcome,
            troubled,
        });
    }

    /// What it comes to, and whether there was trouble with the store.
    async fn ask(self: Arc<Self>, op: Op, question: Question) -> (Outcome, bool) {
        let is_of_all = matches!(op, Op::Purge | Op::InvalidateTag | Op::WriteGroup);
        if question.method == Method::Look && !is_of_all {
            let call = CALL.get();
            let asked = tokio::task::spawn_blocking(move || {
                let ask = || self.shop.ask_blocking(&self.cache, op, question.key);
                CALL.sync_scope(call, || self.cache.with_stats_sync(ask))
            });
            return match asked.await {
                Ok((outcome, stats)) => (outcome, stats.error + stats.queued > 0),
                Err(ended) => resume_unwind(ended.into_panic()),
            };
        }
        let ask = self.shop.ask(&self.cache, op, question);
        let (outcome, stats) = self.cache.with_stats(ask).await;
        (outcome, stats.error + stats.queued > 0)
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Outcome {
    if let Some(Panic(run)) = payload.downcast_ref() {
        return Outcome::Panicked(*run);
    }
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
    Outcome::Foreign(text.unwrap_or_default())
}
