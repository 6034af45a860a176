//! An operator sees whose connections there are: `CLIENT LIST` shows the name of the cache.

use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{Cluster, PATIENT, Sentinel, Server, binaries, eventually};

const SOON: Duration = Duration::from_secs(20);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    /// Stored over a connection for large values.
    async fn page(&self, id: u64) -> String {
        id.to_string().repeat(100_000)
    }

    fn look(&self, id: u64) -> u64 {
        id
    }

    async fn slow(&self, id: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        id
    }
}

/// Calls until all kinds of connections are there; on threads of a runtime, and on a thread that waits. Another
/// process, which is one for the store, waits for the end of a lease.
async fn use_all(build: &impl Fn() -> Cache) -> [Cache; 2] {
    let caches = [build(), build()];
    for cache in &caches {
        cache.ready(SOON).await.unwrap();
    }
    for id in 0..30 {
        let repo = Repo.cached(&caches[0]);
        let calls = async move {
            assert_eq!(repo.find(id).await, id);
            assert_eq!(repo.find(id).await, id);
        };
        tokio::spawn(calls).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let [one, other] = [0, 1].map(|at| Repo.cached(&caches[at]));
    one.page(7).await;
    let blocking = Repo.cached(&caches[0]);
    std::thread::spawn(move || blocking.look(1)).join().unwrap();
    let (first, second) = (
        tokio::spawn(async move { one.slow(1).await }),
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.slow(1).await
        }),
    );
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 1));
    assert_eq!(caches[0].stats().error, 0);
    caches
}

/// The values of a field, of all connections of clients but the one that asks.
fn each(server: &Server, field: &str) -> Vec<String> {
    let list: String = server.query(&["CLIENT", "LIST", "TYPE", "normal"]);
    let subscribed: String = server.query(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let value = |line: &str| {
        let mut fields = line.split(' ');
        let found = fields.find_map(|text| text.strip_prefix(field)?.strip_prefix('='));
        found.unwrap().to_owned()
    };
    // The newest is that of the question itself.
    let all: Vec<_> = list.lines().map(value).collect();
    let others = &all[..all.len() - 1];
    let more = subscribed.lines().map(value);
    others.iter().cloned().chain(more).collect()
}

/// Sooner or later: a connection may just be being made.
fn assert_all_named(server: &Server, name: &str, at_least: usize) {
    let mut seen = Vec::new();
    let named = || {
        seen = each(server, "name");
        seen.retain(|name| !name.starts_with("sentinel-"));
        seen.len() >= at_least && seen.iter().all(|found| found == name)
    };
    eventually(&format!("{at_least} connections of {name}"), SOON, named);
}

fn builder(name: &str) -> CacheBuilder {
    Cache::builder(name).deadline(PATIENT)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_has_the_name_of_its_cache() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let caches = use_all(&|| builder("shop").redis(server.url()).build().unwrap()).await;
        // To read, to claim and put, for all else, for large values, to hear of leases; and most of the other cache's.
        assert_all_named(&server, "redis-func-cache:shop", 7);
        drop(caches);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_a_server_refuses_are_escaped() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for (name, expected) in [
            ("a b%", "redis-func-cache:a%20b%25".to_owned()),
            (
                "x\ny\u{1f980}",
                "redis-func-cache:x%0ay%f0%9f%a6%80".to_owned(),
            ),
            (
                &"n".repeat(200),
                format!("redis-func-cache:{}", "n".repeat(128 - 17)),
            ),
        ] {
            let cache = builder(name).redis(server.url()).build().unwrap();
            cache.ready(SOON).await.unwrap();
            assert_eq!(Repo.cached(&cache).find(1).await, 1);
            eventually(&expected, SOON, || {
                each(&server, "name").contains(&expected)
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_set_no_name_is_served_all_the_same() {
    for binary in binaries() {
        let mut rules = vec![vec!["+@all", "-client"]];
        // A part of a command could be forbidden only later.
        if binary.version >= (7, 0, 0) {
            rules.push(vec!["+@all", "-client|setname"]);
        }
        for rules in rules {
            let server = Server::start_on(&binary);
            let user = ["ACL", "SETUSER", "app", "on", ">pass", "~*", "&*"];
            let _: () = server.query(&[&user[..], &rules].concat());
            let url = format!("redis://app:pass@127.0.0.1:{}/2", server.port());
            let caches = use_all(&|| builder("shop").redis(&url).build().unwrap()).await;
            assert!(caches[0].stats().hit >= 30, "{binary}");
            // All of it over connections that work: to read, and to claim and put.
            let is_served = || {
                let (names, databases) = (each(&server, "name"), each(&server, "db"));
                names.len() >= 7
                    && names.iter().all(String::is_empty)
                    && databases.iter().all(|db| db == "2")
            };
            eventually("connections without names", SOON, is_served);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_all_nodes_of_a_cluster_have_the_name() {
    for binary in binaries() {
        let cluster = Cluster::start_on(&binary);
        let build = || {
            let builder = builder("shop").redis_cluster(cluster.urls());
            builder.multiple().build().unwrap()
        };
        let caches = use_all(&build).await;
        for node in cluster.nodes() {
            assert_all_named(node, "redis-func-cache:shop", 2);
        }
        drop(caches);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_the_primary_behind_sentinels_have_the_name() {
    let sentinel = Sentinel::start();
    let build = || {
        let urls = sentinel.sentinel_urls();
        let builder = builder("shop").redis_sentinel(urls, sentinel.service_name());
        builder.build().unwrap()
    };
    let caches = use_all(&build).await;
    assert_all_named(sentinel.primary(), "redis-func-cache:shop", 7);
    drop(caches);
}

/// By the redis crate alone, whose subscriptions take no name.
#[cfg(feature = "tls-rustls")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_by_tls_have_the_name_of_their_cache() {
    use support::tls::{Authority, TlsServer, tls_binary, tls_cluster};

    let Some(binary) = tls_binary() else {
        return support::skipped("no server program was built with TLS");
    };
    let ca = Authority::new();
    let identity = ca.certify(&["127.0.0.1"]);
    let server = TlsServer::start(&binary, &identity, &[]);
    let build = || {
        let builder = builder("shop").redis(server.url()).tls_ca(&*ca.pem);
        builder.build().unwrap()
    };
    let caches = use_all(&build).await;
    let names = |server: &Server| {
        let list: String = server.query(&["CLIENT", "LIST", "TYPE", "normal"]);
        let name = list.lines().map(|line| {
            let mut fields = line.split(' ');
            let name = fields.find_map(|text| text.strip_prefix("name="));
            name.unwrap().to_owned()
        });
        let mut names: Vec<_> = name.collect();
        names.pop();
        names
    };
    let all_named = |server: &Server, at_least: usize| {
        eventually("all are named", SOON, || {
            let names = names(server);
            names.len() >= at_least && names.iter().all(|name| name == "redis-func-cache:shop")
        });
    };
    all_named(&server.plain, 4);
    drop(caches);

    let nodes = tls_cluster(&binary, &identity, &[]);
    let build = || {
        let urls = nodes.iter().map(TlsServer::url);
        let builder = builder("shop").redis_cluster(urls).tls_ca(&*ca.pem);
        builder.build().unwrap()
    };
    let caches = use_all(&build).await;
    for node in &nodes {
        all_named(&node.plain, 2);
    }
    drop(caches);
}
