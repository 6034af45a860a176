//! What a cache may cost while its store is in trouble, whatever the trouble is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};

use crate::unique;

/// The 100 ms of a call, with a margin for a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(1);
/// 1 ms, with such a margin: calls that ask an unavailable store take 100 ms.
const KNOWN_AWAY: Duration = Duration::from_millis(50);
/// Hits are to return within 3 s.
const RETURN: Duration = Duration::from_secs(10);
const RESIDENT: u64 = 8;
const TASKS: u64 = 8;

#[derive(Debug, PartialEq)]
pub struct OwnError;

#[derive(Default)]
pub struct Repo {
    pub runs: AtomicU64,
}

#[cache_impl]
impl Repo {
    /// A value that says whose it is.
    pub async fn find(&self, id: u64) -> Result<String, OwnError> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        Ok(format!("{id}/{run}"))
    }
}

/// A cache whose store is to be broken.
pub struct Outage {
    pub cache: Cache,
    pub repo: CachedRepo,
    next: Arc<AtomicU64>,
}

/// What calls took, beside their methods, which take no time.
#[derive(Debug)]
pub struct Added(Vec<Duration>);

impl Outage {
    /// On a store that works, with [`RESIDENT`] entries in it.
    pub async fn of(url: &str) -> Self {
        Self::on(Cache::builder(unique("outage")).redis(url)).await
    }

    pub async fn on(builder: CacheBuilder) -> Self {
        let cache = builder.build().unwrap();
        let outage = Self {
            repo: Repo::default().cached(&cache),
            cache,
            next: Arc::new(AtomicU64::new(1000)),
        };
        let limit = Instant::now() + RETURN;
        while outage.hits_of_residents().await < RESIDENT {
            assert!(Instant::now() < limit, "the store works");
        }
        outage
    }

    /// How many of the entries that were there before are hits.
    pub async fn hits_of_residents(&self) -> u64 {
        let before = self.cache.stats().hit;
        for id in 0..RESIDENT {
            self.call(id).await;
        }
        self.cache.stats().hit - before
    }

    /// One call, whose answer must be its own; what it took.
    pub async fn call(&self, id: u64) -> Duration {
        let started = Instant::now();
        let found = self.repo.find(id).await.unwrap();
        let took = started.elapsed();
        assert_eq!(
            found.split_once('/').unwrap().0,
            id.to_string(),
            "its own value"
        );
        took
    }

    /// Calls that cannot be hits, one after another.
    pub async fn misses(&self, calls: usize) -> Added {
        let mut added = Vec::new();
        for _ in 0..calls {
            let id = self.next.fetch_add(1, Ordering::SeqCst);
            added.push(self.call(id).await);
        }
        Added::of(added)
    }

    /// Calls of many tasks at once, of which a part would be hits.
    pub async fn crowd(self: &Arc<Self>, each: u64) -> Added {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let outage = self.clone();
                tokio::spawn(async move {
                    let mut added = Vec::new();
                    for round in 0..each {
                        let id = if round % 2 == 0 {
                            round % RESIDENT
                        } else {
                            100 + round * TASKS + task
                        };
                        added.push(outage.call(id).await);
                    }
                    added
                })
            })
            .collect();
        let mut added = Vec::new();
        for task in tasks {
            added.extend(task.await.unwrap());
        }
        Added::of(added)
    }

    /// Calls until entries are hits again: how long that takes.
    pub async fn until_hits_return(&self) -> Duration {
        let healed = Instant::now();
        while self.hits_of_residents().await < RESIDENT {
            assert!(healed.elapsed() < RETURN, "hits return: {:?}", self.cache);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        healed.elapsed()
    }
}

impl Added {
    fn of(mut each: Vec<Duration>) -> Self {
        each.sort_unstable();
        Self(each)
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    pub fn max(&self) -> Duration {
        self.percentile(100)
    }

    /// How many calls waited for the store in vain.
    pub fn waited(&self) -> usize {
        self.0
            .iter()
            .filter(|took| **took > Duration::from_millis(50))
            .count()
    }
}

/// The store stops to serve anything: no call fails, none has another's value, none waits for long, most
/// do not wait at all, and hits return when the trouble ends.
pub async fn stands_an_outage(
    name: &str,
    url: &str,
    begin: impl FnOnce(),
    end: impl FnOnce(),
) -> Arc<Outage> {
    let outage = Arc::new(Outage::of(url).await);
    begin();
    let first = outage.crowd(40).await;
    assert!(first.max() < DEADLINE, "{name}: {:?}", first.max());
    assert!(
        first.waited() <= 60,
        "{name}: {} of {} calls waited",
        first.waited(),
        TASKS * 40
    );
    let known = outage.misses(400).await;
    assert!(
        known.percentile(90) < KNOWN_AWAY,
        "{name}: {:?}",
        known.percentile(90)
    );
    end();
    let returned = outage.until_hits_return().await;
    println!(
        "{name}: added at first p50 {:?} p99 {:?} max {:?}, {} of {} calls waited; known to be unavailable \
         p50 {:?} p99 {:?} max {:?}; hits after {returned:?}",
        first.percentile(50),
        first.percentile(99),
        first.max(),
        first.waited(),
        first.0.len(),
        known.percentile(50),
        known.percentile(99),
        known.max(),
    );
    outage
}

/// The store refuses writes: what is stored stays a hit, and puts are not tried for ever.
pub async fn reads_on(
    name: &str,
    builder: CacheBuilder,
    begin: impl FnOnce(),
    end: impl FnOnce(),
) -> Arc<Outage> {
    let outage = Arc::new(Outage::on(builder).await);
    begin();
    let before = outage.cache.stats();
    let first = outage.misses(20).await;
    assert!(first.max() < DEADLINE, "{name}: {:?}", first.max());
    let known = outage.misses(200).await;
    assert!(
        known.percentile(90) < KNOWN_AWAY,
        "{name}: {:?}",
        known.percentile(90)
    );
    for _ in 0..5 {
        assert_eq!(outage.hits_of_residents().await, RESIDENT, "{name}");
    }
    let now = outage.cache.stats();
    assert_eq!(
        (now.write, now.error >= before.error + 200),
        (before.write, true),
        "{name}: no write"
    );
    end();
    let ended = Instant::now();
    while outage.cache.stats().write == now.write {
        assert!(ended.elapsed() < RETURN, "{name}: writes return");
        outage.misses(1).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "{name}: a miss added p50 {:?} p99 {:?} max {:?}; writes after {:?}",
        known.percentile(50),
        known.percentile(99),
        first.max().max(known.max()),
        ended.elapsed()
    );
    outage
}
