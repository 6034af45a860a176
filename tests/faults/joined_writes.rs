//! Misses that are claimed and stored together: what befalls one of them is no matter of the others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{
    PATIENT, Proxy, Server, binaries, check_pairs, check_pairs_except, eventually, unique,
};

const SOON: Duration = Duration::from_secs(20);
const CALLERS: u64 = 64;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

#[cache_impl(maxsize = 50, ttl = "1h")]
impl Repo {
    async fn first(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    async fn second(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    #[cache(maxsize = 500)]
    async fn text(&self, id: u64, length: usize) -> String {
        self.runs.fetch_add(1, Ordering::SeqCst);
        format!("{id:04}{}", "x".repeat(length - 4))
    }
}

fn cache(builder: CacheBuilder) -> (Cache, CachedRepo) {
    let cache = builder.deadline(PATIENT).build().unwrap();
    let repo = Repo::default().cached(&cache);
    (cache, repo)
}

/// Calls of many tasks at once, each of both methods.
async fn crowd(repo: &CachedRepo, ids: std::ops::Range<u64>) {
    let calls = ids.map(|id| {
        let repo = repo.clone();
        tokio::spawn(async move {
            let (first, second) = tokio::join!(repo.first(id), repo.second(id));
            assert_eq!((first, second), (id, id));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

/// The key of this method that ends so.
fn key(server: &Server, method: &str, end: &str) -> String {
    let keys = server.keys();
    let found = keys
        .iter()
        .find(|key| key.contains(method) && key.ends_with(":1"));
    let stem = found.expect("the method has stored something");
    format!("{}{end}", stem.strip_suffix(":1").unwrap())
}

fn entries(server: &Server, key: &str) -> i64 {
    server.query(&["HLEN", key])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_key_fails_its_own_pair_and_no_other() {
    for binary in binaries() {
        for end in [":0", ":1", ":2"] {
            let server = Server::start_on(&binary);
            let (cache, repo) = cache(Cache::builder(unique("foreign")).redis(server.url()));
            crowd(&repo, 0..1).await;
            let [ranking, values, control] =
                [":0", ":1", ":2"].map(|end| key(&server, "first", end));
            let foreign = key(&server, "first", end);
            let _: () = server.query(&["DEL", &ranking, &values, &control]);
            let _: () = server.query(&["SET", &foreign, "mine"]);
            crowd(&repo, 100..100 + CALLERS).await;
            let stored = key(&server, "second", ":1");
            eventually("the other pair is full", SOON, || {
                entries(&server, &stored) == 50
            });
            let stats = cache.method_stats();
            assert!(cache.stats().error > 0, "{binary} {end}: {stats:?}");
            assert_eq!(server.query::<String>(&["GET", &foreign]), "mine");
            assert_eq!(
                server.query::<i64>(&["PTTL", &foreign]),
                -1,
                "{binary} {end}"
            );
            let others = [ranking, values, control]
                .into_iter()
                .filter(|key| *key != foreign);
            for key in others {
                // A state of the method may be.
                eventually("no lease and no entry is left beside it", SOON, || {
                    if key.ends_with(":2") {
                        server.leases_in(&key) == 0
                    } else {
                        server.query::<i64>(&["EXISTS", &key]) == 0
                    }
                });
            }
            let stem = foreign.strip_suffix(end).unwrap();
            check_pairs_except(&server, &[stem]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_full_has_kept_no_lease() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, repo) = cache(Cache::builder(unique("full")).redis(server.url()));
        crowd(&repo, 0..10).await;
        let control = key(&server, "first", ":2");
        let _: () = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
        let errors = cache.stats().error;
        crowd(&repo, 100..100 + CALLERS).await;
        assert!(cache.stats().error > errors, "{binary}: it refuses");
        let _: () = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
        eventually("leases have ended", SOON, || {
            server.leases_in(&control) == 0
        });
        let stored = || cache.stats().write;
        let before = stored();
        let limit = Instant::now() + SOON;
        let mut next = 1000;
        while stored() < before + 20 {
            assert!(Instant::now() < limit, "{binary}: it stores again");
            crowd(&repo, next..next + 1).await;
            next += 1;
        }
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joined_writes_keep_the_bound_while_scripts_are_flushed() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, repo) = cache(Cache::builder(unique("flushes")).redis(server.url()));
        for round in 0..20 {
            let flush = async { server.query::<()>(&["SCRIPT", "FLUSH"]) };
            let first = 1000 * round;
            tokio::join!(crowd(&repo, first..first + CALLERS), flush);
        }
        let calls = 2 * 20 * CALLERS;
        eventually("all are stored", SOON, || cache.stats().write == calls);
        let stats = cache.stats();
        assert_eq!(stats.error, 0, "{binary}: {stats:?}");
        assert_eq!(stats.evicted, calls - 100, "{binary}");
        for method in ["first", "second"] {
            let [ranking, values, control] =
                [":0", ":1", ":2"].map(|end| key(&server, method, end));
            assert_eq!(server.query::<i64>(&["ZCARD", &ranking]), 50);
            assert_eq!(entries(&server, &values), 50);
            eventually("leases have ended", SOON, || {
                server.leases_in(&control) == 0
            });
        }
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_value_goes_by_another_connection_than_small_ones() {
    const LARGE: usize = 1_000_000;
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let (cache, repo) = cache(Cache::builder(unique("large")).redis(proxy.url()));
    let calls = (0..200_u64).map(|id| {
        let length = if id % 20 == 0 { LARGE } else { 10 };
        let repo = repo.clone();
        tokio::spawn(async move { assert_eq!(repo.text(id, length).await.len(), length) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    eventually("all are stored", SOON, || cache.stats().write == 200);
    let passed = proxy.transcript();
    // Entries of an `EVALSHA` or `EVAL` are its arguments.
    let puts = passed
        .iter()
        .filter(|passed| passed.command.starts_with("EVAL"));
    let (large, small): (Vec<_>, Vec<_>) = puts
        .filter(|put| {
            put.arguments
                .iter()
                .any(|argument| argument.starts_with(&[3, 1, 0, 0]))
        })
        .partition(|put| put.arguments.iter().any(|argument| argument.len() > LARGE));
    let connections =
        |of: Vec<&support::Passed>| of.iter().map(|put| put.connection).collect::<BTreeSet<_>>();
    let (large, small) = (connections(large), connections(small));
    assert!(!large.is_empty() && !small.is_empty());
    assert!(large.is_disjoint(&small), "{large:?} {small:?}");
    check_pairs(&server);
}
