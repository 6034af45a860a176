//! Reads join in every world: threads, current-thread runtimes, nodes of a cluster. Counted on the servers.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::log::Log;
use support::{Cluster, PATIENT, Server, check_pairs, eventually, slot, unique};
use tokio::runtime::Builder;

const SOON: Duration = Duration::from_secs(20);
const IDS: u32 = 64;
const ROUNDS: u32 = 20;

struct Repo;

#[cache_impl(multiple)]
impl Repo {
    fn blocking(&self, id: u32) -> u32 {
        id
    }

    async fn a(&self, id: u32) -> u32 {
        id
    }

    async fn b(&self, id: u32) -> u32 {
        id
    }

    async fn c(&self, id: u32) -> u32 {
        id
    }

    async fn d(&self, id: u32) -> u32 {
        id
    }

    async fn e(&self, id: u32) -> u32 {
        id
    }

    async fn f(&self, id: u32) -> u32 {
        id
    }
}

/// How often a server was asked for its clock, which ends each request for entries.
fn requests(server: &Server) -> u64 {
    let stats: String = server.query(&["INFO", "commandstats"]);
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_time:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// Whether there is a connection that reads and does nothing else, which no client of the redis crate's does.
fn has_a_pipeline(server: &Server) -> bool {
    let list: String = server.query(&["CLIENT", "LIST"]);
    let own = |line: &&str| line.contains(" cmd=time ") && !line.contains("lib-name=redis-rs");
    list.lines().filter(own).count() > 0
}

/// One request for a few reads at least.
fn assert_joined(requests: u64, reads: u32) {
    assert!(
        requests * 3 < u64::from(reads),
        "{requests} requests for {reads} reads"
    );
}

#[test]
fn threads_without_a_runtime_share_requests() {
    const THREADS: u32 = 32;
    let server = Server::start();
    let cache = Cache::builder(unique("threads")).redis(server.url());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let repo = Repo.cached(&cache);
    let read = |rounds: u32| {
        let start = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (repo, start) = (&repo, &start);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..rounds {
                        let id = (thread + round) % IDS;
                        assert_eq!(repo.blocking(id), id);
                    }
                });
            }
        });
    };
    (0..IDS).for_each(|id| assert_eq!(repo.blocking(id), id));
    eventually("threads have a pipeline", SOON, || {
        read(1);
        // The redis crate's connection does something else.
        repo.entry().blocking(IDS).invalidate().unwrap();
        has_a_pipeline(&server)
    });
    let (hits, before) = (cache.stats().hit, requests(&server));
    read(ROUNDS);
    assert_eq!(cache.stats().hit - hits, u64::from(THREADS * ROUNDS));
    assert_joined(requests(&server) - before, THREADS * ROUNDS);
    assert_eq!(cache.stats().error, 0);
    check_pairs(&server);
}

#[test]
fn a_current_thread_runtime_shares_requests() {
    let server = Server::start();
    let cache = Cache::builder(unique("current")).redis(server.url());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let repo = Repo.cached(&cache);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let read = async || {
        let calls = (0..IDS).map(|id| {
            let repo = repo.clone();
            tokio::spawn(async move { assert_eq!(repo.a(id).await, id) })
        });
        for call in join_all(calls.collect::<Vec<_>>()).await {
            call.unwrap();
        }
    };
    eventually("the runtime has a pipeline", SOON, || {
        runtime.block_on(read());
        runtime.block_on(repo.entry().a(IDS).invalidate()).unwrap();
        has_a_pipeline(&server)
    });
    let (hits, before) = (cache.stats().hit, requests(&server));
    for _ in 0..ROUNDS {
        runtime.block_on(read());
    }
    assert_eq!(cache.stats().hit - hits, u64::from(IDS * ROUNDS));
    assert_joined(requests(&server) - before, IDS * ROUNDS);
    assert_eq!(cache.stats().error, 0);
    check_pairs(&server);
}

/// Another crate's `block_on` keeps the runtime's only thread from what the caller waits for.
#[test]
fn a_task_that_blocks_its_runtime_is_answered() {
    let server = Server::start();
    let cache = Cache::builder(unique("blocked")).redis(server.url());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let repo = Repo.cached(&cache);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let blocked = |id| {
        let repo = repo.clone();
        let task = runtime.spawn(async move {
            let started = Instant::now();
            assert_eq!(pollster::block_on(repo.a(id)), id);
            started.elapsed()
        });
        runtime.block_on(task).unwrap()
    };
    let read = async || {
        for id in 0..IDS {
            let repo = repo.clone();
            tokio::spawn(async move { repo.a(id).await }).await.unwrap();
        }
    };
    eventually("the runtime has a pipeline", SOON, || {
        runtime.block_on(read());
        runtime.block_on(repo.entry().a(IDS).invalidate()).unwrap();
        has_a_pipeline(&server)
    });
    let hits = cache.stats().hit;
    let first = blocked(0);
    assert!(first < PATIENT / 5, "{first:?}");
    // And then not again for a while.
    let others: Duration = (1..IDS).map(blocked).sum();
    assert!(others < PATIENT / 5, "{others:?}");
    assert_eq!(cache.stats().hit - hits, u64::from(IDS));
    assert_eq!(cache.stats().error, 0);
}

/// Calls of all methods, whose pairs are on several nodes.
async fn read_all(repo: &CachedRepo) {
    let calls = (0..IDS).map(|id| {
        let repo = repo.clone();
        tokio::spawn(async move {
            let all = join_all([0, 1, 2, 3, 4, 5].map(async |method| match method {
                0 => repo.a(id).await,
                1 => repo.b(id).await,
                2 => repo.c(id).await,
                3 => repo.d(id).await,
                4 => repo.e(id).await,
                _ => repo.f(id).await,
            }));
            assert_eq!(all.await, [id; 6]);
        })
    });
    for call in join_all(calls.collect::<Vec<_>>()).await {
        call.unwrap();
    }
}

/// A cluster whose nodes have pipelines, where they serve pairs.
async fn clustered(name: &str) -> (Cluster, Cache, CachedRepo, Vec<String>) {
    let cluster = Cluster::start();
    let cache = Cache::builder(unique(name)).redis_cluster(cluster.urls());
    let cache = cache.deadline(PATIENT).build().unwrap();
    let repo = Repo.cached(&cache);
    let limit = Instant::now() + SOON;
    let values = loop {
        let hits = cache.stats().hit;
        read_all(&repo).await;
        let keys = cluster.keys().into_iter();
        let values: Vec<_> = keys.filter(|key| key.ends_with(":1")).collect();
        // The redis crate's connections do something else.
        let entries = repo.entry();
        entries.a(IDS).invalidate().await.unwrap();
        entries.b(IDS).invalidate().await.unwrap();
        entries.c(IDS).invalidate().await.unwrap();
        entries.d(IDS).invalidate().await.unwrap();
        entries.e(IDS).invalidate().await.unwrap();
        entries.f(IDS).invalidate().await.unwrap();
        let is_stored = values.len() == 6 && cache.stats().hit - hits == u64::from(6 * IDS);
        let mut nodes = values.iter().map(|key| cluster.node_of(key));
        if is_stored && nodes.all(has_a_pipeline) {
            break values;
        }
        assert!(
            Instant::now() < limit,
            "nodes have pipelines: {:?} of {values:?}, {:?}",
            cluster
                .nodes()
                .iter()
                .map(has_a_pipeline)
                .collect::<Vec<_>>(),
            cache.stats()
        );
    };
    (cluster, cache, repo, values)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_of_a_cluster_gets_joined_requests() {
    let (cluster, cache, repo, values) = clustered("nodes").await;
    let nodes = cluster.nodes();
    let before: Vec<_> = nodes.iter().map(requests).collect();
    let hits = cache.stats().hit;
    for _ in 0..ROUNDS {
        read_all(&repo).await;
    }
    assert_eq!(cache.stats().hit - hits, u64::from(6 * IDS * ROUNDS));
    for (node, before) in nodes.iter().zip(before) {
        let own = values
            .iter()
            .filter(|key| cluster.node_of(key).port() == node.port());
        let reads = u32::try_from(own.count()).unwrap() * IDS * ROUNDS;
        let asked = requests(node) - before;
        assert!(asked > 0 || reads == 0, "reads go to their own node");
        assert!(asked * 3 <= u64::from(reads), "{asked} for {reads}");
    }
    assert_eq!(cache.stats().error, 0);
    nodes.iter().for_each(check_pairs);
}

/// Pipelines ask the node that had the slot, until they know.
#[tokio::test]
async fn no_read_is_lost_when_a_slot_moves() {
    let (cluster, cache, repo, values) = clustered("moves").await;
    let nodes = cluster.nodes();
    let stem = values[0].strip_suffix('1').unwrap();
    let old = cluster.node_of(stem);
    let new = nodes.iter().find(|node| node.port() != old.port()).unwrap();
    let slot = slot(stem).to_string();
    let id_of = |node: &Server| node.query::<String>(&["CLUSTER", "MYID"]);
    let set = |node: &Server, how: &str, other: &Server| {
        let _: () = node.query(&["CLUSTER", "SETSLOT", &slot, how, &id_of(other)]);
    };
    let log = Log::start();
    let before = cache.stats();
    set(new, "IMPORTING", old);
    set(old, "MIGRATING", new);
    // All keys are on their way: the old node answers ASK.
    let keys: Vec<String> = old.query(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
    for key in &keys {
        let port = new.port().to_string();
        let _: () = old.query(&["MIGRATE", "127.0.0.1", &port, key, "0", "1000"]);
    }
    read_all(&repo).await;
    for node in [new, old].into_iter().chain(nodes) {
        set(node, "NODE", new);
    }
    // And now MOVED.
    for _ in 0..3 {
        read_all(&repo).await;
    }
    let after = cache.stats();
    assert_eq!(
        after.hit - before.hit,
        u64::from(4 * 6 * IDS),
        "{after:?} {:?}",
        log.events()
    );
    assert_eq!(after.miss, before.miss);
    // The new node is asked first, once the topology is known.
    let limit = Instant::now() + SOON;
    loop {
        let asked = requests(old);
        for id in 0..IDS {
            read_method_of(&repo, &values[0], id).await;
        }
        if requests(old) == asked {
            break;
        }
        assert!(Instant::now() < limit, "the topology is updated");
    }
    assert_eq!(cache.stats().miss, before.miss);
    nodes.iter().for_each(check_pairs);
}

async fn read_method_of(repo: &CachedRepo, key: &str, id: u32) {
    let method = key.split_once("Repo::").unwrap().1;
    let read = match &method[..1] {
        "a" => repo.a(id).await,
        "b" => repo.b(id).await,
        "c" => repo.c(id).await,
        "d" => repo.d(id).await,
        "e" => repo.e(id).await,
        _ => repo.f(id).await,
    };
    assert_eq!(read, id);
}
