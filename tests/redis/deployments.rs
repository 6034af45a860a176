//! The four layouts under the names of the design, on a server, a cluster, and behind sentinels.

#![allow(clippy::type_complexity)]

use std::time::Duration;

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, KeyFormat, KeyParts, Policy, cache_impl,
};
use support::{Cluster, Sentinel, Server, binaries, check_pairs, unique};

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    async fn count(&self) -> u64 {
        7
    }

    #[nocache]
    #[invalidates(find(id), count(..))]
    async fn touch(&self, id: u64) -> u64 {
        id
    }
}

/// Fills a cache, looks at it in every way there is, and empties it.
async fn exercise(builder: CacheBuilder, what: &str) {
    let cache = builder.deadline(Duration::from_secs(2)).build().unwrap();
    let repo = Repo.cached(&cache);
    for _ in 0..2 {
        for id in 0..20 {
            assert_eq!(repo.find(id).await, id);
        }
        assert_eq!(repo.count().await, 7);
    }
    let stats = cache.stats();
    assert_eq!((stats.hit, stats.miss, stats.error), (21, 21, 0), "{what}");
    assert_eq!(cache.len().await.unwrap(), 21, "{what}");
    assert_eq!(repo.entry().find(3).peek().await.unwrap(), Some(3));
    assert!(repo.entry().find(3).invalidate().await.unwrap());
    assert_eq!(repo.touch(4).await, 4);
    // In a pair of several methods, what is invalidated as a group stays until its place is wanted.
    let left = cache.len().await.unwrap();
    assert!((18..=19).contains(&left), "{what}: {left}");
    assert_eq!(repo.entry().count().peek().await.unwrap(), None, "{what}");
    assert_eq!(cache.purge().await.unwrap(), left, "{what}");
    assert!(cache.is_empty().await.unwrap());
}

#[tokio::test]
async fn names_of_keys_are_those_of_the_design() {
    let server = Server::start();
    let layouts: [(fn(CacheBuilder) -> CacheBuilder, &[&str]); 4] = [
        (|b| b.single(), &["p:n:lru:0", "p:n:lru:1", "p:n:lru:2"]),
        (
            |b| b.single().cluster(),
            &["p:{n:lru}:0", "p:{n:lru}:1", "p:{n:lru}:2"],
        ),
        (
            |b| b.multiple(),
            &[
                "p:n:lru:Repo::find#HASH:0",
                "p:n:lru:Repo::find#HASH:1",
                "p:n:lru:Repo::find#HASH:2",
            ],
        ),
        (
            |b| b.multiple().cluster(),
            &[
                "p:n:lru:Repo::find{#HASH}:0",
                "p:n:lru:Repo::find{#HASH}:1",
                "p:n:lru:Repo::find{#HASH}:2",
            ],
        ),
    ];
    for (layout, expected) in layouts {
        let builder = Cache::builder("n")
            .prefix("p:")
            .policy(Policy::Lru)
            .redis(server.url());
        let cache = layout(builder).build().unwrap();
        Repo.cached(&cache).find(1).await;
        let keys: Vec<_> = server.keys().iter().map(|key| without_hash(key)).collect();
        assert_eq!(keys, expected);
        assert_eq!(cache.purge().await.unwrap(), 1);
    }
}

fn without_hash(key: &str) -> String {
    let Some((before, after)) = key.split_once('#') else {
        return key.to_owned();
    };
    let (hash, rest) = after.split_at(16);
    assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    format!("{before}#HASH{rest}")
}

#[tokio::test]
async fn every_layout_works_on_one_server() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = || Cache::builder(unique("one")).redis(server.url());
        exercise(builder(), "single").await;
        exercise(builder().multiple(), "multiple").await;
        exercise(builder().cluster(), "single cluster").await;
        exercise(builder().multiple().cluster(), "multiple cluster").await;
        assert_eq!(server.keys(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_layout_works_on_a_cluster() {
    for binary in binaries() {
        let cluster = Cluster::start_on(&binary);
        let builder = || Cache::builder(unique("many")).redis_cluster(cluster.urls());
        exercise(builder(), "single").await;
        exercise(builder().multiple(), "multiple").await;

        let cache = builder()
            .multiple()
            .deadline(Duration::from_secs(2))
            .build()
            .unwrap();
        let repo = Repo.cached(&cache);
        repo.find(1).await;
        repo.count().await;
        assert_eq!(cluster.keys().len(), 6);
        for node in cluster.nodes() {
            check_pairs(node);
        }
        assert_eq!(cache.purge().await.unwrap(), 2);
        assert_eq!(cluster.keys(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_cluster_cache_with_many_names_reaches_every_node() {
    let cluster = Cluster::start();
    let mut nodes = std::collections::BTreeSet::new();
    for n in 0..12 {
        let cache = Cache::builder(format!("{}-{n}", unique("spread")))
            .redis_cluster(cluster.urls())
            .deadline(Duration::from_secs(2))
            .build()
            .unwrap();
        let repo = Repo.cached(&cache);
        repo.find(1).await;
        assert_eq!(cache.stats().write, 1);
        assert_eq!(cache.len().await.unwrap(), 1);
    }
    for key in cluster.keys() {
        nodes.insert(cluster.node_of(&key).port());
    }
    assert_eq!(nodes.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_a_failover_is_followed() {
    let sentinel = Sentinel::start();
    let builder = || {
        Cache::builder(unique("sentinel"))
            .redis_sentinel(sentinel.sentinel_urls(), sentinel.service_name())
    };
    exercise(builder(), "sentinel").await;

    let cache = builder().deadline(Duration::from_secs(2)).build().unwrap();
    let repo = Repo.cached(&cache);
    repo.find(1).await;
    sentinel.primary().kill();
    assert_eq!(repo.find(1).await, 1, "the method answers meanwhile");
    sentinel.wait_until_failed_over();
    let limit = std::time::Instant::now() + Duration::from_secs(15);
    while cache.stats().hit == 0 {
        assert_eq!(repo.find(2).await, 2);
        assert!(
            std::time::Instant::now() < limit,
            "no hits after the failover: {:?}",
            cache.stats()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Dashes;

impl KeyFormat for Dashes {
    fn stem(&self, parts: &KeyParts<'_>) -> String {
        match parts.method {
            Some(method) => format!("{}/{{{}-{}}}", self.scope(parts), method.name, method.hash),
            None => format!("{}/{{all}}", self.scope(parts)),
        }
    }

    fn scope(&self, parts: &KeyParts<'_>) -> String {
        format!("my-{}-{}", parts.name, parts.policy)
    }
}

#[tokio::test]
async fn custom_key_names_work_in_every_layout() {
    let server = Server::start();
    let builder = || {
        Cache::builder(unique("own"))
            .key_format(Dashes)
            .redis(server.url())
    };
    exercise(builder(), "single").await;
    exercise(builder().multiple(), "multiple").await;
    let cache = builder().multiple().build().unwrap();
    Repo.cached(&cache).count().await;
    assert!(
        server.keys().iter().all(|key| key.starts_with("my-own-")),
        "{:?}",
        server.keys()
    );
    exercise(
        Cache::builder(unique("memory"))
            .key_format(Dashes)
            .multiple(),
        "memory",
    )
    .await;
}

#[tokio::test]
async fn a_cache_touches_no_key_of_another() {
    let server = Server::start();
    // Prefixes and names that begin like each other's, and data of strangers.
    let build = |prefix: &str, name: &str| {
        Cache::builder(name)
            .prefix(prefix)
            .multiple()
            .redis(server.url())
            .build()
            .unwrap()
    };
    let caches = [
        build("a:", "b"),
        build("a:", "bb"),
        build("a:b:", "c"),
        build("a:b:lru_t:", "c"),
        build("a", "b c"),
        build("", "a"),
        build("a:", "b*"),
        build("a:", "{b"),
    ];
    for cache in &caches {
        Repo.cached(cache).find(1).await;
    }
    let _: () = server.query(&["SET", "a:b:lru_t:0", "stranger"]);
    let _: () = server.query(&["SET", "a:b:notes:0", "stranger"]);
    let _: () = server.query(&["ZADD", "a:b:mine:0", "1", "x"]);
    for (purged, cache) in caches.iter().enumerate() {
        assert_eq!(cache.purge().await.unwrap(), 1, "{purged}");
        for other in &caches[purged + 1..] {
            assert_eq!(
                other.len().await.unwrap(),
                1,
                "{purged} touched {}",
                other.name()
            );
        }
    }
    assert_eq!(server.keys(), ["a:b:lru_t:0", "a:b:mine:0", "a:b:notes:0"]);
}

#[tokio::test]
async fn hostile_names_stay_whole_and_apart() {
    let server = Server::start();
    let names = [
        "a:b", "a{b}", "a b", "a\nb", "a}b{c", "a%3ab", "*", "ünï", "a\\b", "\u{7f}",
    ];
    for cluster in [false, true] {
        for name in names {
            let builder = Cache::builder(name).redis(server.url());
            let cache = if cluster { builder.cluster() } else { builder }
                .build()
                .unwrap();
            Repo.cached(&cache).find(1).await;
            assert_eq!(cache.stats().error, 0, "{name:?}");
            assert_eq!(cache.len().await.unwrap(), 1, "{name:?}");
        }
    }
    assert_eq!(server.keys().len(), names.len() * 6);
    check_pairs(&server);
}
