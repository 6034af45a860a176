//! A pair's bound belongs to the pair: a method with a small `maxsize` never evicts what its siblings
//! have stored.

use std::time::Duration;

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Policy, cache_impl};
use support::log::Log;
use support::{Cluster, Server, binaries, check_pairs, unique};
use tracing::Level;

struct Numbers;

#[cache_impl]
impl Numbers {
    async fn many(&self, n: u32) -> u32 {
        n
    }

    #[cache(maxsize = 10)]
    async fn few(&self, n: u32) -> u32 {
        n
    }

    #[cache(single, maxsize = 5)]
    async fn shared(&self, n: u32) -> u32 {
        n
    }
}

struct Bounded;

#[cache_impl(maxsize = 9)]
impl Bounded {
    async fn first(&self, n: u32) -> u32 {
        n
    }

    async fn second(&self, n: u32) -> u32 {
        n
    }

    #[cache(maxsize = 7)]
    async fn third(&self, n: u32) -> u32 {
        n
    }
}

struct Together;

#[cache_impl(single, maxsize = 9)]
impl Together {
    async fn first(&self, n: u32) -> u32 {
        n
    }

    #[cache(maxsize = 7)]
    async fn second(&self, n: u32) -> u32 {
        n
    }

    #[cache(multiple, maxsize = 3)]
    async fn apart(&self, n: u32) -> u32 {
        n
    }
}

type Layout = fn(CacheBuilder) -> CacheBuilder;

/// Nothing said, and what may be said.
const LAYOUTS: [(&str, Layout); 4] = [
    ("", |builder| builder),
    ("cluster", CacheBuilder::cluster),
    ("multiple", CacheBuilder::multiple),
    ("single", CacheBuilder::single),
];

/// One body for each policy, in each layout.
async fn in_every_way<F: Future<Output = ()>>(
    builder: impl Fn() -> CacheBuilder,
    test: impl Fn(Cache, &'static str) -> F,
) {
    let layouts = Policy::BUILT_IN.map(|policy| LAYOUTS.map(|layout| (policy.clone(), layout)));
    let tests = layouts
        .as_flattened()
        .iter()
        .map(|(policy, (layout, set))| {
            // All at once, on one server.
            let builder = set(builder()).deadline(Duration::from_secs(5));
            let cache = builder.policy(policy.clone()).build().unwrap();
            test(cache, layout)
        });
    join_all(tests).await;
}

async fn everywhere<F: Future<Output = ()>>(test: impl Fn(Cache, &'static str) -> F) {
    in_every_way(|| Cache::builder(unique("bounds")).memory(), &test).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = || Cache::builder(unique("bounds")).redis(server.url());
        in_every_way(builder, &test).await;
        check_pairs(&server);
    }
    let cluster = Cluster::start();
    let builder = || Cache::builder(unique("bounds")).redis_cluster(cluster.urls());
    in_every_way(builder, &test).await;
    for node in cluster.nodes() {
        check_pairs(node);
    }
}

#[tokio::test]
async fn a_small_method_never_evicts_entries_of_its_siblings() {
    everywhere(|cache, layout| async move {
        let repo = Numbers.cached(&cache);
        for n in 0..20 {
            repo.many(n).await;
        }
        for n in 0..12 {
            repo.few(n).await;
            repo.shared(n).await;
        }
        // Where all must share one pair, the largest bound is that of the builder.
        let expected = match layout {
            "single" => 20 + 12 + 12,
            // `shared` says `single`: in a pair of its own only because no other method does.
            "multiple" => 20 + 10 + 5,
            _ => 20 + 10 + 12,
        };
        let len = cache.len().await.unwrap();
        assert_eq!(len, expected, "{cache:?} {layout}");
        cache.purge().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn each_method_of_a_block_that_says_maxsize_has_a_pair_of_its_own() {
    everywhere(|cache, layout| async move {
        let (bounded, together) = (Bounded.cached(&cache), Together.cached(&cache));
        for n in 0..12 {
            bounded.first(n).await;
            bounded.second(n).await;
            bounded.third(n).await;
        }
        let len = cache.len().await.unwrap();
        let expected = if layout == "single" { 9 } else { 9 + 9 + 7 };
        assert_eq!(len, expected, "{cache:?} {layout}");
        cache.purge().await.unwrap();
        for n in 0..12 {
            together.first(n).await;
            together.second(n).await;
            together.apart(n).await;
        }
        let len = cache.len().await.unwrap();
        assert_eq!(len, 9 + 3, "{cache:?} {layout}");
        cache.purge().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn bounds_that_differ_in_one_pair_are_warned_of_once() {
    let log = Log::start();
    let warned = |cache: &Cache| {
        let warned = log.said(Level::WARN, "maxsize");
        let of_cache = |text: &&String| text.contains(cache.name());
        warned.iter().filter(of_cache).cloned().collect::<Vec<_>>()
    };
    let build = |set: Layout| set(Cache::builder(unique("warned"))).build().unwrap();

    let single = build(CacheBuilder::single);
    let repo = Numbers.cached(&single);
    repo.few(1).await;
    assert_eq!(warned(&single), [""; 0], "nothing differs yet");
    for n in 0..30 {
        repo.few(n).await;
    }
    assert_eq!(
        single.len().await.unwrap(),
        10,
        "bound so far is `few` alone"
    );
    repo.shared(1).await;
    repo.many(1).await;
    let said = warned(&single);
    assert_eq!(said.len(), 1, "{said:#?}");
    for part in ["Numbers::shared", "5", "10", "single"] {
        assert!(said[0].contains(part), "`{part}` in {}", said[0]);
    }

    let plain = build(|builder| builder);
    let (repo, bounded) = (Numbers.cached(&plain), Bounded.cached(&plain));
    repo.few(1).await;
    repo.many(1).await;
    bounded.first(1).await;
    bounded.third(1).await;
    assert_eq!(warned(&plain), [""; 0], "each has a pair of its own");
}

#[tokio::test]
async fn names_of_pairs_follow_from_where_maxsize_was_said() {
    let server = Server::start();
    let cache = Cache::builder("n").prefix("p").redis(server.url()).build();
    let cache = cache.unwrap();
    let (numbers, bounded) = (Numbers.cached(&cache), Bounded.cached(&cache));
    let together = Together.cached(&cache);
    numbers.many(1).await;
    numbers.few(1).await;
    numbers.shared(1).await;
    bounded.first(1).await;
    together.first(1).await;
    together.apart(1).await;
    let keys = server.keys();
    let stems = keys.iter().filter_map(|key| key.strip_suffix(":0"));
    let stems = stems.map(|stem| stem.split('#').next().unwrap());
    let mut stems: Vec<_> = stems.collect();
    stems.sort_unstable();
    assert_eq!(
        stems,
        [
            "p:n:lru_t",
            "p:n:lru_t:Bounded::first",
            "p:n:lru_t:Numbers::few",
            "p:n:lru_t:Together::apart",
        ]
    );
}
