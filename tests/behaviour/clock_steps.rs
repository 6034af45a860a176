//! A server's clock that is set back, as by a failover or after it was wrong: nothing outlives its
//! time, a full pair keeps what is new, and no lease delays a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Policy, Touch, cache_impl};
use support::{Server, binaries, check_pairs, eventually, unique};
use tokio::sync::Notify;

const HOUR_US: u64 = 3_600_000_000;
const START_US: u64 = 1_800_000_000_000_000;
const POLICIES: [Policy; 7] = [
    Policy::LruT,
    Policy::FifoT,
    Policy::Lru,
    Policy::Fifo,
    Policy::Mru,
    Policy::Lfu,
    Policy::Rr,
];
/// Those that keep what is new.
const BY_AGE: [Policy; 4] = [Policy::LruT, Policy::FifoT, Policy::Lru, Policy::Fifo];

#[derive(Debug, Clone)]
struct Failure;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    fails: AtomicBool,
    began: Notify,
}

#[cache_impl(single, maxsize = 4)]
impl Repo {
    async fn plain(&self, n: u32) -> u64 {
        self.next(n)
    }

    #[cache(ttl = "10m")]
    async fn brief(&self, n: u32) -> u64 {
        self.next(n)
    }

    #[cache(ttl = "50ms", stale = "10h")]
    async fn stale(&self, n: u32) -> Result<u64, Failure> {
        let run = self.next(n);
        if self.fails.load(Ordering::SeqCst) {
            return Err(Failure);
        }
        Ok(run)
    }

    async fn endless(&self, n: u32) -> u64 {
        self.began.notify_one();
        std::future::pending::<()>().await;
        self.next(n)
    }

    #[nocache]
    fn next(&self, _: u32) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }
}

#[cache_impl(single, maxsize = 50)]
impl Many {
    async fn find(&self, n: u32) -> u32 {
        n
    }
}

struct Many;

/// One body for every store, policy and way to record hits, with a clock that the test moves.
async fn everywhere<F: Future<Output = ()>>(
    policies: &[Policy],
    test: impl Fn(Arc<AtomicU64>, Cache, CachedRepo, String) -> F,
) {
    let run = async |builder: CacheBuilder, what: String| {
        let clock = Arc::new(AtomicU64::new(START_US + 3 * HOUR_US));
        let cache = builder.manual_clock(clock.clone()).build().unwrap();
        let repo = Repo::default().cached(&cache);
        test(clock, cache, repo, what).await;
    };
    for policy in policies {
        let builder = Cache::builder(unique("steps")).policy(policy.clone());
        run(builder.memory(), format!("{policy} in memory")).await;
    }
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for policy in policies {
            for touch in [Touch::default(), Touch::Exact] {
                let builder = Cache::builder(unique("steps")).policy(policy.clone());
                let builder = builder.touch(touch).redis(server.url());
                run(builder, format!("{policy} {touch:?} on {binary}")).await;
            }
        }
        check_pairs(&server);
    }
}

#[tokio::test]
async fn an_entry_from_the_future_is_a_miss() {
    everywhere(&POLICIES, |clock, cache, repo, what| async move {
        assert_eq!((repo.brief(1).await, repo.plain(1).await), (0, 1));
        clock.store(START_US, Ordering::SeqCst);
        let entries = repo.entry();
        assert_eq!(entries.brief(1).peek().await.unwrap(), None, "{what}");
        assert_eq!(entries.brief(1).ttl().await.unwrap(), None, "{what}");
        assert_eq!(entries.plain(1).peek().await.unwrap(), None, "{what}");
        assert_eq!((repo.brief(1).await, repo.plain(1).await), (2, 3), "{what}");
        // What was stored since lives as long as it should.
        assert_eq!((repo.brief(1).await, repo.plain(1).await), (2, 3), "{what}");
        clock.fetch_add(HOUR_US / 6, Ordering::SeqCst);
        assert_eq!((repo.brief(1).await, repo.plain(1).await), (4, 3), "{what}");
        assert_eq!(cache.stats().error, 0, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_full_pair_keeps_what_is_new() {
    everywhere(&BY_AGE, |clock, _cache, repo, what| async move {
        for n in 0..4 {
            repo.plain(n).await;
        }
        clock.store(START_US, Ordering::SeqCst);
        // Also when some of the old ones have been stored again.
        repo.plain(3).await;
        for first in [10, 20, 30] {
            for n in first..first + 4 {
                repo.plain(n).await;
                clock.fetch_add(1_000_000, Ordering::SeqCst);
            }
            for n in first..first + 4 {
                let kept = repo.entry().plain(n).peek().await.unwrap();
                assert!(kept.is_some(), "{n} with {what}");
            }
        }
        // When the clock has caught up, hits count as ever.
        clock.store(START_US + 4 * HOUR_US, Ordering::SeqCst);
        for n in 40..44 {
            clock.fetch_add(1_000_000, Ordering::SeqCst);
            repo.plain(n).await;
        }
        for n in 40..44 {
            assert!(repo.entry().plain(n).peek().await.unwrap().is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn entries_from_the_future_are_swept() {
    everywhere(&[Policy::Mru], |clock, cache, repo, what| async move {
        // The most recently used is evicted first: only a sweep removes the very first.
        repo.brief(0).await;
        clock.store(START_US, Ordering::SeqCst);
        for n in 1..36 {
            clock.fetch_add(1, Ordering::SeqCst);
            repo.brief(n).await;
        }
        assert_eq!(cache.stats().evicted, 31, "{what}");
        assert_eq!(cache.len().await.unwrap(), 4, "{what}");
    })
    .await;
}

/// As if what is stored in the pair had been written by a clock that was ahead.
fn set_back(server: &Server, hours: u64, policy: &Policy) {
    let keys = server.keys();
    let stem = |key: &String| key.rsplit_once(':').map(|(stem, _)| stem.to_owned());
    let stem = keys.iter().find_map(stem).expect("a pair");
    let by_instant = matches!(policy, Policy::LruT | Policy::FifoT);
    let script = include_str!("../support/set_back.lua");
    let mut command = vec!["EVAL".to_owned(), script.to_owned(), "3".to_owned()];
    command.extend((0..3).map(|key| format!("{stem}:{key}")));
    command.push((hours * 3_600_000).to_string());
    command.push(u8::from(by_instant).to_string());
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    let _: redis::Value = server.query(&command);
}

/// Three hours ahead, then right: by the servers' own clocks, through the readers of hits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pair_has_hits_again() {
    for binary in binaries() {
        for policy in BY_AGE {
            let server = Server::start_on(&binary);
            let builder = Cache::builder(unique("steps")).redis(server.url());
            let cache = builder.policy(policy.clone()).build().unwrap();
            let repo = Many.cached(&cache);
            for n in 0..50 {
                repo.find(n).await;
            }
            set_back(&server, 3, &policy);
            let before = cache.stats();
            for n in 0..500 {
                // Forty keys that come round, none of which was there.
                repo.find(100 + n % 40).await;
            }
            let after = cache.stats();
            let hits = after.hit - before.hit;
            assert!(hits >= 440, "{policy} on {binary}: {hits} hits of 500");
            for n in 0..50 {
                let old = repo.entry().find(n).peek().await.unwrap();
                assert_eq!(old, None, "{policy} on {binary}");
            }
            check_pairs(&server);
        }
    }
}

#[tokio::test]
async fn the_lease_of_a_dead_process_is_free() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("steps");
        let build = || Cache::builder(&name).redis(server.url()).build().unwrap();
        let (dead, alive) = (build(), build());
        let source = Arc::new(Repo::default());
        let early = tokio::spawn({
            let repo = source.clone().cached(&dead);
            async move { repo.endless(1).await }
        });
        source.began.notified().await;
        // It can neither renew nor end its lease.
        dead.close().await;
        early.abort();
        set_back(&server, 2, &Policy::LruT);

        let repo = source.clone().cached(&alive);
        let late = tokio::spawn(async move { repo.endless(1).await });
        let began = tokio::time::timeout(Duration::from_secs(10), source.began.notified());
        began
            .await
            .unwrap_or_else(|_| panic!("it waits for the dead on {binary}"));
        late.abort();
    }
}

#[tokio::test]
async fn the_backoff_after_a_failed_refresh_ends() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("steps")).redis(server.url());
        let cache = builder.build().unwrap();
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        repo.stale(1).await.unwrap();
        source.fails.store(true, Ordering::SeqCst);
        let runs = || source.runs.load(Ordering::SeqCst);
        let refreshed = async || {
            let before = runs();
            let tries = async {
                while runs() == before {
                    repo.stale(1).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), tries)
                .await
                .unwrap_or_else(|_| panic!("no refresh begins on {binary}"));
        };
        refreshed().await;
        // The entry itself is as old as it was.
        let ahead = "for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do \
             local lease = redis.call('HGET', KEYS[1], field) \
             if #field == 20 and string.sub(lease, 9, 24) == string.rep('\\0', 16) then \
             local at = struct.unpack('<I8', lease) + 7200000 \
             redis.call('HSET', KEYS[1], field, struct.pack('<I8', at) .. string.sub(lease, 9)) \
             return 1 end end return 0";
        eventually("the pause begins", Duration::from_secs(5), || {
            let leases = server.keys().into_iter().find(|key| key.ends_with(":2"));
            leases.is_some_and(|key| server.query::<u8>(&["EVAL", ahead, "1", &key]) == 1)
        });
        refreshed().await;
        check_pairs(&server);
    }
}
