//! `ping` and `store_kind`, on every store: well, away, frozen and closed.

use std::time::{Duration, Instant};

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, Error, ErrorKind, StoreKind, cache_impl,
};
use support::{Cluster, Sentinel, Server, binaries, unique};

/// Far beyond what a ping may take.
const BOUND: Duration = Duration::from_secs(4);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u32) -> u32 {
        id
    }
}

fn build(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Cache {
    set(Cache::builder(unique("ping"))).build().unwrap()
}

/// The error of a ping, which came in time and names an address.
async fn fails(cache: &Cache, address: &str) -> Error {
    let started = Instant::now();
    let error = cache.ping().await.unwrap_err();
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    let text = error.to_string();
    assert!(text.contains(address), "`{address}` in `{text}`");
    for secret in ["canary", "redis://"] {
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
    error
}

async fn answers(cache: &Cache, kind: StoreKind) {
    assert_eq!(cache.store_kind(), kind);
    let took = cache.ping().await.unwrap();
    assert!(took < BOUND, "{took:?}");
    assert_eq!(took.is_zero(), kind == StoreKind::Memory);
}

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn ping_of_memory_answers_at_once() {
    let cache = build(CacheBuilder::memory);
    answers(&cache, StoreKind::Memory).await;
    cache.close().await;
    assert_eq!(cache.ping().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn ping_fails_only_while_the_server_is_unavailable() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = build(|builder| builder.redis(server.url()));
        answers(&cache, StoreKind::Redis).await;

        server.stop();
        assert!(fails(&cache, &address(&server)).await.is_unavailable());
        // Calls have given the store up by now, and a ping asks it all the same.
        let repo = Repo.cached(&cache);
        for id in 0..50 {
            repo.find(id).await;
        }
        server.cont();
        answers(&cache, StoreKind::Redis).await;

        server.kill();
        assert!(fails(&cache, &address(&server)).await.is_unavailable());
        assert!(fails(&cache, &address(&server)).await.is_unavailable());
        server.restart();
        answers(&cache, StoreKind::Redis).await;

        cache.close().await;
        assert_eq!(cache.ping().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn a_cache_recovers_from_a_failed_first_ping() {
    let server = Server::start();
    let port = server.port();
    let wrong = format!("redis://canary:canary@127.0.0.1:{port}");
    let cache = build(|builder| builder.redis(wrong));
    fails(&cache, &address(&server)).await;
    server.kill();
    let cache = build(|builder| builder.redis(server.url()));
    fails(&cache, &address(&server)).await;
    let cache = build(|builder| builder.redis("unix:///nowhere/redis.sock"));
    fails(&cache, "/nowhere/redis.sock").await;
}

#[tokio::test]
async fn each_primary_of_a_cluster_has_to_answer() {
    let cluster = Cluster::start();
    let cache = build(|builder| builder.redis_cluster(cluster.urls()));
    answers(&cache, StoreKind::RedisCluster).await;
    let frozen = &cluster.nodes()[1];
    frozen.stop();
    let started = Instant::now();
    fails(&cache, &address(frozen)).await;
    frozen.cont();
    while cache.ping().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for node in cluster.nodes() {
        node.kill();
    }
    fails(&cache, &address(frozen)).await;
}

#[tokio::test]
async fn the_primary_behind_sentinels_has_to_answer() {
    let servers = Sentinel::start();
    let (urls, service) = (servers.sentinel_urls(), servers.service_name());
    let cache = build(|builder| builder.redis_sentinel(urls, service));
    answers(&cache, StoreKind::RedisSentinel).await;
    servers.primary().kill();
    fails(&cache, &address(&servers.sentinels()[0])).await;
    servers.wait_until_failed_over();
    let started = Instant::now();
    while cache.ping().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
