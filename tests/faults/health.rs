//! `ready` and `health`, on every store: well, away, frozen, refusing writes and closed.

use std::time::{Duration, Instant};

use redis_func_cache::Availability::{Available, Unavailable};
use redis_func_cache::cache_impl;
use redis_func_cache::{Availability, Cache, CacheBuilder, CacheExt as _, ErrorKind, StoreKind};
use support::{Cluster, Server, binaries, unique};

const LIMIT: Duration = Duration::from_secs(20);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u32) -> u32 {
        id
    }
}

fn build(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Cache {
    set(Cache::builder(unique("health"))).build().unwrap()
}

fn sides(cache: &Cache) -> (Availability, Availability) {
    let health = cache.health();
    (health.reads, health.writes)
}

/// Calls until the health is this.
async fn until(cache: &Cache, expected: (Availability, Availability)) {
    let (repo, started) = (Repo.cached(cache), Instant::now());
    for id in 0.. {
        if sides(cache) == expected {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{:?}", cache.health());
        repo.find(id).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn memory_is_ready_until_it_is_closed() {
    let cache = build(CacheBuilder::memory);
    cache.ready(Duration::ZERO).await.unwrap();
    assert_eq!(sides(&cache), (Available, Available));
    assert_eq!(cache.health().store, StoreKind::Memory);
    assert!(cache.health().enabled);
    cache.set_enabled(false);
    assert!(!cache.health().enabled);
    cache.close().await;
    assert_eq!(sides(&cache), (Unavailable, Unavailable));
    let error = cache.ready(LIMIT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_cache_is_ready_as_soon_as_its_server_answers() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        server.kill();
        let cache = build(|builder| builder.redis(server.url()));
        assert_eq!(sides(&cache), (Available, Available), "nothing is known");

        let limit = Duration::from_millis(300);
        let started = Instant::now();
        let error = cache.ready(limit).await.unwrap_err();
        let took = started.elapsed();
        assert!(
            error.is_unavailable() && took >= limit && took < 3 * limit,
            "{took:?}"
        );
        let address = format!("127.0.0.1:{}", server.port());
        assert!(error.to_string().contains(&address), "{error}");

        let waits = tokio::spawn({
            let cache = cache.clone();
            async move { cache.ready(LIMIT).await.map(|()| Instant::now()) }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.restart();
        let restarted = Instant::now();
        let ready = waits.await.unwrap().unwrap();
        assert!(ready < restarted + Duration::from_secs(2));
        cache.ready(Duration::MAX).await.unwrap();

        server.stop();
        let started = Instant::now();
        assert!(cache.ready(limit).await.unwrap_err().is_unavailable());
        assert!(started.elapsed() < 3 * limit, "{:?}", started.elapsed());
        server.cont();
        cache.ready(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn health_follows_the_breakers_of_both_sides() {
    let server = Server::start();
    let cache = build(|builder| builder.redis(server.url()));
    cache.ready(LIMIT).await.unwrap();
    server.kill();
    until(&cache, (Unavailable, Unavailable)).await;
    let started = Instant::now();
    for _ in 0..1000 {
        cache.health();
    }
    assert!(started.elapsed() < Duration::from_millis(100), "no I/O");
    server.restart();
    until(&cache, (Available, Available)).await;

    // A server that is full refuses writes alone.
    let _: () = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
    until(&cache, (Available, Unavailable)).await;
    let _: () = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
    until(&cache, (Available, Available)).await;
    cache.close().await;
    assert_eq!(sides(&cache), (Unavailable, Unavailable));
}

#[tokio::test]
async fn a_cluster_with_a_dead_node_is_unavailable() {
    let cluster = Cluster::start();
    let cache = build(|builder| builder.redis_cluster(cluster.urls()).multiple());
    cache.ready(LIMIT).await.unwrap();
    until(&cache, (Available, Available)).await;
    for node in cluster.nodes() {
        node.stop();
    }
    until(&cache, (Unavailable, Unavailable)).await;
    assert!(cache.ready(Duration::from_millis(200)).await.is_err());
    for node in cluster.nodes() {
        node.cont();
    }
    until(&cache, (Available, Available)).await;
}

#[test]
fn ready_needs_no_runtime() {
    let cache = build(|builder| builder.redis("redis://127.0.0.1:1"));
    let ready = cache.ready(Duration::from_millis(100));
    assert!(pollster::block_on(ready).unwrap_err().is_unavailable());
}
