//! The cache is never why a call fails or hangs, and bytes it did not write are never an answer.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, ErrorKind, Policy, cache_impl};
use serde::{Deserialize, Serialize, Serializer};
use support::{Server, binaries, check_pairs, check_pairs_except, unique};

#[derive(Debug, PartialEq)]
struct OwnError;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

/// Cannot be a key when it is odd.
struct Odd(u64);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 2 == 1 {
            return Err(serde::ser::Error::custom("odd"));
        }
        serializer.serialize_u64(self.0)
    }
}

/// Cannot be a value when it is odd.
#[derive(Debug, PartialEq, Deserialize)]
struct Shy(u64);

impl Serialize for Shy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Odd(self.0).serialize(serializer)
    }
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Result<u64, OwnError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if id == 404 { Err(OwnError) } else { Ok(id) }
    }

    fn find_sync(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    async fn odd(&self, id: Odd) -> u64 {
        id.0
    }

    async fn shy(&self, id: u64) -> Shy {
        Shy(id)
    }

    async fn bytes(&self, n: usize) -> String {
        "x".repeat(n)
    }
}

/// With a margin over the 150 ms that are promised, for a machine that is busy.
const ADDED: Duration = Duration::from_millis(400);

async fn answers_by_itself(cache: &Cache, calls: u64) {
    let repo = Repo::default().cached(cache);
    for id in 0..calls {
        let started = Instant::now();
        assert_eq!(repo.find(id).await, Ok(id));
        assert!(started.elapsed() < ADDED, "{:?}", started.elapsed());
        let started = Instant::now();
        assert_eq!(repo.find_sync(id), id);
        assert!(started.elapsed() < ADDED, "{:?}", started.elapsed());
    }
    assert_eq!(repo.find(404).await, Err(OwnError));
    let stats = cache.stats();
    assert_eq!(stats.exec, 2 * calls + 1);
    assert_eq!((stats.hit, stats.write), (0, 0));
    assert!(stats.error > 0);
    let started = Instant::now();
    assert!(cache.len().await.unwrap_err().is_unavailable());
    assert!(cache.purge().await.unwrap_err().is_unavailable());
    assert!(
        repo.entry()
            .find(1)
            .peek()
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(repo.entry().find(1).invalidate().await.is_err());
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn calls_succeed_when_no_server_listens() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let cache = Cache::builder(unique("refused"))
        .redis(format!("redis://127.0.0.1:{port}"))
        .build()
        .unwrap();
    answers_by_itself(&cache, 20).await;
}

#[tokio::test]
async fn calls_succeed_when_the_server_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cache = Cache::builder(unique("silent"))
        .redis(format!("redis://127.0.0.1:{port}"))
        .build()
        .unwrap();
    answers_by_itself(&cache, 20).await;
}

#[tokio::test]
async fn calls_succeed_without_cluster_and_sentinels() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("redis://127.0.0.1:{port}");
    let cluster = Cache::builder(unique("cluster"))
        .redis_cluster([url.clone()])
        .build()
        .unwrap();
    answers_by_itself(&cluster, 5).await;
    let sentinel = Cache::builder(unique("sentinel"))
        .redis_sentinel([url], "primary")
        .build()
        .unwrap();
    answers_by_itself(&sentinel, 5).await;
}

#[tokio::test]
async fn a_frozen_server_costs_a_deadline_and_hits_return() {
    let server = Server::start();
    let cache = Cache::builder(unique("frozen"))
        .redis(server.url())
        .build()
        .unwrap();
    let repo = Repo::default().cached(&cache);
    repo.find(1).await.unwrap();
    server.stop();
    let started = Instant::now();
    for id in 0..50 {
        assert_eq!(repo.find(id).await, Ok(id));
    }
    // Three deadlines, then the link is down and turns calls away at once.
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    server.cont();
    let limit = Instant::now() + Duration::from_secs(10);
    let before = cache.stats().hit;
    while cache.stats().hit == before {
        assert_eq!(repo.find(1).await, Ok(1));
        assert!(Instant::now() < limit, "no hits after the server went on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    check_pairs(&server);
}

#[tokio::test]
async fn a_killed_server_is_found_again() {
    let server = Server::start();
    let cache = Cache::builder(unique("killed"))
        .redis(server.url())
        .build()
        .unwrap();
    let repo = Repo::default().cached(&cache);
    repo.find(1).await.unwrap();
    server.kill();
    for id in 0..20 {
        assert_eq!(repo.find(id).await, Ok(id));
    }
    server.restart();
    let limit = Instant::now() + Duration::from_secs(10);
    while cache.stats().hit == 0 {
        assert_eq!(repo.find(1).await, Ok(1));
        assert!(Instant::now() < limit, "no hits after the server came back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_writes_still_answers_what_it_can() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("full"))
            .redis(server.url())
            .policy(Policy::Fifo)
            .build()
            .unwrap();
        let repo = Repo::default().cached(&cache);
        repo.find(1).await.unwrap();
        let _: () = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
        for id in 1..10 {
            assert_eq!(repo.find(id).await, Ok(id));
        }
        assert_eq!(cache.stats().write, 1, "{binary}");
        assert!(cache.stats().error > 0);
        let _: () = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
        repo.find(1).await.unwrap();
        repo.find(1).await.unwrap();
        assert!(cache.stats().hit >= 1);
        check_pairs(&server);
    }
}

#[tokio::test]
async fn data_of_others_under_our_keys_is_left_alone() {
    for binary in binaries() {
        for (key, kind) in [
            (0, "string"),
            (1, "string"),
            (0, "list"),
            (1, "zset"),
            (0, "hash"),
        ] {
            let server = Server::start_on(&binary);
            let cache = Cache::builder("foreign")
                .redis(server.url())
                .build()
                .unwrap();
            let repo = Repo::default().cached(&cache);
            let key = format!("func-cache:foreign:lru_t:{key}");
            let _: () = match kind {
                "string" => server.query(&["SET", &key, "theirs"]),
                "list" => server.query(&["RPUSH", &key, "theirs"]),
                "zset" => server.query(&["ZADD", &key, "1", "theirs"]),
                _ => server.query(&["HSET", &key, "theirs", "1"]),
            };
            let before: Vec<u8> = server.query(&["DUMP", &key]);
            for _ in 0..2 {
                assert_eq!(repo.find(1).await, Ok(1));
            }
            let error = repo.entry().find(1).put(&1).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.is_foreign()),
                (ErrorKind::Foreign, true),
                "{error}"
            );
            cache.purge().await.unwrap();
            let _ = cache.len().await.unwrap();
            let after: Vec<u8> = server.query(&["DUMP", &key]);
            assert_eq!(before, after, "{kind} at {key} on {binary}");
            assert_eq!(server.keys(), [key.as_str()], "nothing was left beside it");
            check_pairs_except(&server, &["func-cache:foreign:lru_t"]);
        }
    }
}

#[tokio::test]
async fn bytes_we_did_not_write_are_a_counted_miss() {
    let server = Server::start();
    let cache = Cache::builder(unique("bytes"))
        .redis(server.url())
        .build()
        .unwrap();
    let repo = Repo::default().cached(&cache);
    repo.find(1).await.unwrap();
    repo.find(2).await.unwrap();
    let values = server
        .keys()
        .into_iter()
        .find(|key| key.ends_with(":1"))
        .unwrap();
    let set_all = |lua: &str| {
        let script = format!(
            "local all = redis.call('HGETALL', KEYS[1]) for i = 1, #all, 2 do \
             local field, value, other = all[i], all[i + 1], all[i == 1 and 4 or 2] {lua} end"
        );
        let _: () = server.query(&["EVAL", &script, "1", &values]);
    };
    let damage = [
        "redis.call('HSET', KEYS[1], field, '')",
        "redis.call('HSET', KEYS[1], field, 'garbage')",
        "redis.call('HSET', KEYS[1], field, string.rep('\\255', 1000))",
        "redis.call('HSET', KEYS[1], field, string.sub(value, 1, -2))",
        "redis.call('HSET', KEYS[1], field, value .. '\\0')",
        "redis.call('HSET', KEYS[1], field, string.sub(value, 1, 80) .. '\\250')",
        // A whole entry, but of another call.
        "redis.call('HSET', KEYS[1], field, other)",
    ];
    for (round, lua) in (1..).zip(damage) {
        set_all(lua);
        assert_eq!(repo.find(1).await, Ok(1), "{lua}");
        assert_eq!(repo.find(2).await, Ok(2), "{lua}");
        assert_eq!(cache.stats().undecodable, 2 * round, "{lua}");
        assert_eq!(repo.find(1).await, Ok(1));
        assert_eq!(cache.stats().hit, round, "the put has repaired it: {lua}");
    }
    check_pairs(&server);
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_is_returned_and_counted() {
    let server = Server::start();
    for builder in [
        Cache::builder(unique("odd")),
        Cache::builder(unique("odd")).redis(server.url()),
    ] {
        let cache = builder.max_entry_bytes(1000).build().unwrap();
        let repo = Repo::default().cached(&cache);
        assert_eq!(repo.shy(1).await, Shy(1));
        assert_eq!(repo.shy(2).await, Shy(2));
        assert_eq!((cache.stats().error, cache.stats().write), (1, 1));
        assert_eq!(repo.bytes(2000).await.len(), 2000);
        assert_eq!(repo.bytes(900).await.len(), 900);
        assert_eq!((cache.stats().error, cache.stats().write), (2, 2));
        assert_eq!(cache.len().await.unwrap(), 2);
        let error = repo
            .entry()
            .bytes(1)
            .put(&"x".repeat(2000))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(
            repo.entry().shy(5).put(&Shy(5)).await.unwrap_err().kind(),
            ErrorKind::Encode
        );
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_a_key_bypass_the_cache() {
    let cache = Cache::builder("keys").build().unwrap();
    let repo = Repo::default().cached(&cache);
    assert_eq!(repo.odd(Odd(1)).await, 1);
    assert_eq!(repo.odd(Odd(2)).await, 2);
    let stats = cache.stats();
    assert_eq!(
        (stats.bypass, stats.read, stats.exec, stats.write),
        (1, 1, 2, 1)
    );
    assert_eq!(
        repo.entry().odd(Odd(1)).peek().await.unwrap_err().kind(),
        ErrorKind::Key
    );
}

#[tokio::test]
async fn calls_on_a_closed_cache_run_their_methods() {
    let server = Server::start();
    for builder in [
        Cache::builder(unique("closed")),
        Cache::builder(unique("closed")).redis(server.url()),
    ] {
        let cache = builder.build().unwrap();
        let repo = Repo::default().cached(&cache);
        repo.find(1).await.unwrap();
        cache.close().await;
        assert_eq!(repo.find(1).await, Ok(1));
        assert_eq!(cache.stats().hit, 0);
        assert!(cache.len().await.unwrap_err().is_unavailable());
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_outage_and_is_not_logged() {
    let server = Server::start();
    let _: () = server.query(&["CONFIG", "SET", "requirepass", "right"]);
    let url = format!("redis://:canary-password@127.0.0.1:{}", server.port());
    let cache = Cache::builder(unique("auth")).redis(url).build().unwrap();
    let repo = Repo::default().cached(&cache);
    assert_eq!(repo.find(1).await, Ok(1));
    let error = cache.len().await.unwrap_err();
    for text in [
        format!("{error}"),
        format!("{error:?}"),
        format!("{cache:?}"),
        format!("{repo:?}"),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
}
