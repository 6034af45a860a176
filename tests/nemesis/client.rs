//! A process of many tasks that call at random, and write down what they saw.

use std::any::Any;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Error, Tags, cache_impl};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::history::{By, End, Event, Log, Method, Op, Outcome, Question, RunId, Value, now_us};
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
}

/// The methods that are cached: they tell of each of their runs, last for a while, fail and panic.
#[derive(Debug)]
pub struct Repo {
    log: Log,
    process: u32,
    seed: u64,
    sequence: AtomicU64,
}

#[derive(Debug)]
pub struct Failure(RunId);

struct Panic(RunId);

fn group_of(value: &Value) -> Tags {
    Tags::new().with("group", &value.question.group())
}

tokio::task_local! {
    static BY: By;
    static CALL: u64;
}

#[cache_impl(multiple, maxsize = 16, ttl = "1s")]
impl Repo {
    #[cache(tags(group = Question { method: Method::Find, key }.group()))]
    async fn find(&self, key: u32) -> Value {
        let mut run = self.start(Method::Find, key);
        sleep(run.takes(20)).await;
        if run.dice(30) {
            run.end(End::Panicked);
            resume_unwind(Box::new(Panic(run.id())));
        }
        run.end(End::Returned)
    }

    #[cache(ttl = "600ms", stale = "400ms", tags_fn = group_of)]
    async fn fetch(&self, key: u32) -> Result<Value, Failure> {
        let mut run = self.start(Method::Fetch, key);
        sleep(run.takes(20)).await;
        if run.dice(10) {
            run.end(End::Failed);
            return Err(Failure(run.id()));
        }
        Ok(run.end(End::Returned))
    }

    #[cache(tags(group = Question { method: Method::Look, key }.group()))]
    fn look(&self, key: u32) -> Value {
        let mut run = self.start(Method::Look, key);
        std::thread::sleep(run.takes(10));
        run.end(End::Returned)
    }
}

impl Repo {
    pub fn new(log: Log, process: u32, seed: u64) -> Self {
        Self {
            log,
            process,
            seed,
            sequence: AtomicU64::new(0),
        }
    }

    fn start(&self, method: Method, key: u32) -> Running<'_> {
        // What runs behind the calls is in none of them.
        let by = match CALL.try_with(|_| ()) {
            Ok(()) => BY.try_with(|by| *by).unwrap_or(By::Call),
            Err(_) => By::Refresh,
        };
        self.start_by(by, Question { method, key })
    }

    fn start_by(&self, by: By, question: Question) -> Running<'_> {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
        let started_us = self.log.write(&Event::Started {
            sequence,
            by,
            call: CALL.try_with(|call| *call).ok(),
            question,
        });
        Running {
            repo: self,
            sequence,
            question,
            started_us,
            random: Random(self.seed ^ (u64::from(self.process) << 40) ^ sequence),
            has_ended: false,
        }
    }
}

/// A run that tells of its end, whatever that is.
struct Running<'a> {
    repo: &'a Repo,
    sequence: u64,
    question: Question,
    started_us: u64,
    random: Random,
    has_ended: bool,
}

impl Running<'_> {
    fn id(&self) -> RunId {
        RunId {
            process: self.repo.process,
            sequence: self.sequence,
        }
    }

    fn takes(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(1 + self.random.draw() % most_ms)
    }

    fn dice(&mut self, sides: u64) -> bool {
        self.random.draw().is_multiple_of(sides)
    }

    fn value(&self) -> Value {
        Value::new(self.question, self.id(), self.started_us)
    }

    fn end(&mut self, end: End) -> Value {
        self.has_ended = true;
        let sequence = self.sequence;
        self.repo.log.write(&Event::Ended { sequence, end });
        self.value()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(End::Gone);
        }
    }
}

/// Follows its orders until the time has come.
pub async fn run(orders: Orders) {
    let cache = Cache::builder(&orders.name)
        .redis(&orders.url)
        .build()
        .unwrap();
    let log = Log::create(&orders.directory, orders.process);
    let repo = Repo::new(log, orders.process, orders.seed).cached(&cache);
    let caller = Arc::new(Caller {
        cache,
        repo,
        calls: AtomicU64::new(0),
    });
    let tasks: Vec<_> = (0..orders.tasks)
        .map(|task| {
            let random = Random(orders.seed ^ (u64::from(orders.process) << 32) ^ (task << 16));
            tokio::spawn(caller.clone().call_until(orders.until_us, random))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    caller.cache.close().await;
}

/// Whether each pair could be filled with values of keys that no other process uses.
pub fn fills_pairs(cache: &Cache, orders: &Orders) -> bool {
    let log = Log::scratch(&orders.directory);
    let repo = Repo::new(log, orders.process, orders.seed).cached(cache);
    let (inner, entry) = (CachedRepo::inner(&repo), repo.entry());
    (KEYS..KEYS + 2 * MAXSIZE).all(|key| {
        let value = |method| inner.start_by(By::Put, Question { method, key }).value();
        let find = pollster::block_on(entry.find(key).put(&value(Method::Find)));
        let fetch = pollster::block_on(entry.fetch(key).put(&value(Method::Fetch)));
        let look = entry.look(key).put(&value(Method::Look));
        find.and(fetch).and(look).is_ok()
    })
}

struct Caller {
    cache: Cache,
    repo: CachedRepo,
    calls: AtomicU64,
}

impl Caller {
    async fn call_until(self: Arc<Self>, until_us: u64, mut random: Random) {
        let keys = zipf(KEYS, 1.0, 1_000, &mut random);
        for key in keys.into_iter().cycle() {
            if now_us() >= until_us {
                return;
            }
            let method = match random.draw() % 5 {
                0 => Method::Look,
                1 | 2 => Method::Fetch,
                _ => Method::Find,
            };
            // Some are left alone, so that they grow old.
            let is_left = key.is_multiple_of(3);
            let op = match random.draw() % 10_000 {
                0 => Op::Purge,
                1..20 => Op::InvalidateAll,
                20..60 => Op::InvalidateTag,
                60..600 if !is_left => Op::Invalidate,
                600..900 if !is_left && method != Method::Look => Op::Put,
                900..1_200 if !is_left && method != Method::Look => Op::Refresh,
                1_200..1_500 => Op::Peek,
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
        let log = |event| CachedRepo::inner(&self.repo).log.write(&event);
        log(Event::Invoked { call, op, question });
        let task = tokio::spawn(CALL.scope(call, self.clone().ask(op, question)));
        // A thread cannot be cancelled: the call would go on, and its outcome would be unknown.
        let can_be_cancelled = question.method != Method::Look;
        if let (Some(time_limit), Op::Call | Op::Refresh, true) = (time_limit, op, can_be_cancelled)
        {
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
        let is_of_all = matches!(op, Op::Purge | Op::InvalidateTag);
        if question.method == Method::Look && !is_of_all {
            let call = CALL.get();
            let asked = tokio::task::spawn_blocking(move || {
                let ask = || self.ask_blocking(op, question.key);
                CALL.sync_scope(call, || self.cache.with_stats_sync(ask))
            });
            return match asked.await {
                Ok((outcome, stats)) => (outcome, stats.error > 0),
                Err(ended) => resume_unwind(ended.into_panic()),
            };
        }
        let asked = self.cache.with_stats(self.ask_async(op, question));
        let (outcome, stats) = asked.await;
        (outcome, stats.error > 0)
    }

    async fn ask_async(&self, op: Op, question: Question) -> Outcome {
        let Question { method, key } = question;
        let entry = self.repo.entry();
        match (op, method) {
            (Op::Purge, _) => done(self.cache.purge().await),
            (Op::InvalidateTag, _) => {
                let tag = self.cache.tag("group", &question.group());
                done(tag.invalidate().await)
            }
            (Op::Call, Method::Find) => Outcome::Value(self.repo.find(key).await),
            (Op::Call, Method::Fetch) => fetched(self.repo.fetch(key).await),
            (Op::Refresh, Method::Find) => {
                let refresh = BY.scope(By::Refresh, entry.find(key).refresh());
                Outcome::Value(refresh.await)
            }
            (Op::Refresh, Method::Fetch) => {
                fetched(BY.scope(By::Refresh, entry.fetch(key).refresh()).await)
            }
            (Op::Peek, Method::Find) => peeked(entry.find(key).peek().await),
            (Op::Peek, Method::Fetch) => peeked(entry.fetch(key).peek().await),
            (Op::Invalidate, Method::Find) => done(entry.find(key).invalidate().await),
            (Op::Invalidate, Method::Fetch) => done(entry.fetch(key).invalidate().await),
            (Op::InvalidateAll, Method::Find) => done(self.repo.all().find().invalidate().await),
            (Op::InvalidateAll, Method::Fetch) => done(self.repo.all().fetch().invalidate().await),
            (Op::Put, Method::Find | Method::Fetch) => self.put(question).await,
            (op, Method::Look) => unreachable!("{op:?} of a sync method is asked on a thread"),
        }
    }

    fn ask_blocking(&self, op: Op, key: u32) -> Outcome {
        let entry = self.repo.entry().look(key);
        match op {
            Op::InvalidateAll => done(self.repo.all().look().invalidate()),
            Op::Peek => peeked(entry.peek()),
            Op::Invalidate => done(entry.invalidate()),
            _ => Outcome::Value(self.repo.look(key)),
        }
    }

    async fn put(&self, question: Question) -> Outcome {
        let mut run = CachedRepo::inner(&self.repo).start_by(By::Put, question);
        let (entry, key) = (self.repo.entry(), question.key);
        let put = match question.method {
            Method::Find => entry.find(key).put(&run.value()).await,
            _ => entry.fetch(key).put(&run.value()).await,
        };
        run.end(if put.is_ok() {
            End::Returned
        } else {
            End::Failed
        });
        done(put)
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

fn fetched(fetched: Result<Value, Failure>) -> Outcome {
    match fetched {
        Ok(value) => Outcome::Value(value),
        Err(Failure(run)) => Outcome::Failed(run),
    }
}

fn peeked(peeked: Result<Option<Value>, Error>) -> Outcome {
    match peeked {
        Ok(found) => found.map_or(Outcome::Done, Outcome::Value),
        Err(_) => Outcome::Refused,
    }
}

fn done<T>(done: Result<T, Error>) -> Outcome {
    done.map_or(Outcome::Refused, |_| Outcome::Done)
}
