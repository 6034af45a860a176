//! A slot of a cluster is on its way to another node, and what was written must not be served any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{Cluster, binaries, check_pairs, slot, unique};

#[derive(Default)]
struct Stock {
    version: AtomicU64,
}

#[cache_impl(multiple)]
impl Stock {
    async fn level(&self, id: u64) -> u64 {
        let _ = id;
        self.version.load(Ordering::SeqCst)
    }

    #[nocache]
    #[invalidates(level(id))]
    async fn sell(&self, id: u64) -> u64 {
        let _ = id;
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[nocache]
    #[invalidates(level(..))]
    async fn recount(&self) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }
}

const IDS: u64 = 40;

/// Ten entries of each stage: before a key has moved, between the keys, after all of them.
#[tokio::test]
async fn what_is_invalidated_while_its_slot_moves_is_not_served() {
    for binary in binaries() {
        let cluster = Cluster::start_on(&binary);
        let builder = Cache::builder(unique("resharding"));
        let builder = builder.redis_cluster(cluster.urls());
        let cache = builder.deadline(Duration::from_secs(1)).build().unwrap();
        let stock = Stock::default().cached(&cache);
        let limit = Instant::now() + Duration::from_secs(20);
        while cache.stats().hit < IDS {
            assert!(Instant::now() < limit, "{binary}: the cluster works");
            for id in 0..IDS {
                assert_eq!(stock.level(id).await, 0);
            }
        }
        let keys = cluster.keys();
        let stem = keys.iter().find_map(|key| key.strip_suffix(":1")).unwrap();
        let port = cluster.node_of(&keys[0]).port();
        let nodes = cluster.nodes();
        let from = nodes.iter().find(|node| node.port() == port).unwrap();
        let to = nodes.iter().find(|node| node.port() != port).unwrap();
        let slot = slot(stem).to_string();
        let id_of = |node: &support::Server| node.query::<String>(&["CLUSTER", "MYID"]);
        let migrate = |key: &str| {
            let (key, port) = (format!("{stem}:{key}"), to.port().to_string());
            let _: () = from.query(&["MIGRATE", "127.0.0.1", &port, &key, "0", "1000"]);
        };
        let _: () = to.query(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id_of(from)]);
        let _: () = from.query(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id_of(to)]);
        for (stage, moved) in ["", "0", "1"].iter().enumerate() {
            if !moved.is_empty() {
                migrate(moved);
            }
            for id in (stage as u64 * 10)..(stage as u64 * 10 + 10) {
                // One that the machine was too slow for is counted, and not what this is about.
                let (mut sold, mut level) = (1, 0);
                for _ in 0..3 {
                    if level < sold {
                        sold = stock.sell(id).await;
                        level = stock.level(id).await;
                    }
                }
                assert!(
                    level >= sold,
                    "{binary}, stage {stage}: {id} of {level}, sold {sold}"
                );
            }
        }
        let dropped = stock.entry().level(IDS - 1).invalidate().await;
        assert!(dropped.unwrap(), "{binary}");
        let counted = stock.recount().await;
        assert!(stock.level(IDS - 2).await >= counted, "{binary}: all");
        for node in [to, from].into_iter().chain(nodes) {
            let _: () = node.query(&["CLUSTER", "SETSLOT", &slot, "NODE", &id_of(to)]);
        }
        let before = cache.stats().hit;
        while cache.stats().hit == before {
            assert!(Instant::now() < limit, "{binary}: hits return");
            stock.level(7).await;
        }
        nodes.iter().for_each(check_pairs);
    }
}

#[tokio::test]
async fn a_purge_works_while_its_slot_moves() {
    let cluster = Cluster::start();
    let cache = Cache::builder(unique("resharding")).redis_cluster(cluster.urls());
    let cache = cache.build().unwrap();
    let stock = Stock::default().cached(&cache);
    let limit = Instant::now() + Duration::from_secs(20);
    while cache.stats().hit == 0 {
        assert!(Instant::now() < limit, "the cluster works");
        stock.level(1).await;
    }
    let keys = cluster.keys();
    let from = cluster.node_of(&keys[0]);
    let nodes = cluster.nodes();
    let to = nodes
        .iter()
        .find(|node| node.port() != from.port())
        .unwrap();
    let to_id = to.query::<String>(&["CLUSTER", "MYID"]);
    let slot = slot(&keys[0]).to_string();
    let from_id = from.query::<String>(&["CLUSTER", "MYID"]);
    let _: () = to.query(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    let _: () = from.query(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    assert_eq!(cache.len().await.unwrap(), 1);
    assert_eq!(cache.purge().await.unwrap(), 1);
    assert_eq!(cluster.keys(), Vec::<String>::new());
}
