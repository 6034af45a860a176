//! `len` counts the entries of all pairs, and does not look at the keys of others for that.

use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{Cluster, PATIENT, Server, binaries, check_pairs, eventually, unique};

const SOON: Duration = Duration::from_secs(20);
const FOREIGN: u64 = 200_000;

struct Repo;

#[cache_impl(multiple)]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    async fn name(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(tags(id = id))]
    async fn tagged(&self, id: u64) -> u64 {
        id
    }

    #[cache(single)]
    async fn shared(&self, id: u64) -> u64 {
        id
    }
}

/// Of another program: only it knows this method.
struct Other;

#[cache_impl(multiple)]
impl Other {
    async fn other(&self, id: u64) -> u64 {
        id
    }
}

fn build(name: &str, server: &Server) -> Cache {
    let builder = Cache::builder(name).redis(server.url()).deadline(PATIENT);
    builder.build().unwrap()
}

async fn fill(cache: &Cache, n: u64) {
    let repo = Repo.cached(cache);
    for id in 0..n {
        repo.find(id).await;
        repo.name(id).await;
        repo.tagged(id).await;
        repo.shared(id).await;
    }
}

fn add_foreign_keys(server: &Server) {
    let script = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'foreign/' .. i, '') end";
    let _: () = server.query(&["EVAL", script, "0", &FOREIGN.to_string()]);
}

/// How often a command has run.
fn calls(server: &Server, command: &str) -> u64 {
    let stats: String = server.query(&["INFO", "commandstats"]);
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn len_does_not_look_at_the_keys_of_others() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        add_foreign_keys(&server);
        let name = unique("pairs");
        let cache = build(&name, &server);
        fill(&cache, 5).await;
        assert_eq!(cache.len().await.unwrap(), 20, "{binary}");
        // The one scan that completes the index, in few steps.
        let scans = calls(&server, "scan");
        assert!((1..=FOREIGN / 1_000).contains(&scans), "{binary}: {scans}");

        let other = build(&name, &server);
        let (commands, at) = (calls(&server, "zcard"), other.len().await.unwrap());
        assert_eq!(at, 20);
        assert!(calls(&server, "zcard") > commands);
        // What another process adds is counted, though this one knows nothing of its method.
        Other.cached(&other).other(1).await;
        eventually("it is in the index", SOON, || {
            let listed: Vec<String> = server.query(&["HKEYS", &format!("func-cache:{name}:pairs")]);
            listed.iter().any(|stem| stem.contains("other"))
        });
        assert_eq!(cache.len().await.unwrap(), 21);
        assert_eq!(calls(&server, "scan"), scans, "{binary}: no other scan");
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_index_is_made_again() {
    let server = Server::start();
    let name = unique("pairs");
    let index = format!("func-cache:{name}:pairs");
    let (cache, other) = (build(&name, &server), build(&name, &server));
    fill(&cache, 3).await;
    Other.cached(&other).other(1).await;
    assert_eq!(cache.len().await.unwrap(), 13);
    let scans = calls(&server, "scan");
    let life: i64 = server.query(&["PTTL", &index]);
    assert!(life > 6 * 24 * 3600 * 1000, "{life}");

    let _: () = server.query(&["DEL", &index]);
    assert_eq!(cache.len().await.unwrap(), 13);
    let again = calls(&server, "scan");
    assert!(again > scans);
    assert_eq!(cache.len().await.unwrap(), 13);
    assert_eq!(calls(&server, "scan"), again);

    // What is there instead is left alone, and costs a scan each time.
    let _: () = server.query(&["DEL", &index]);
    let _: () = server.query(&["SET", &index, "foreign"]);
    for _ in 0..2 {
        assert_eq!(cache.len().await.unwrap(), 13);
    }
    assert!(calls(&server, "scan") >= again + 2);
    cache.purge().await.unwrap();
    assert_eq!(server.query::<String>(&["GET", &index]), "foreign");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_finds_pairs_that_are_in_no_index_and_forgets_it() {
    let server = Server::start();
    let name = unique("pairs");
    let (cache, other) = (build(&name, &server), build(&name, &server));
    fill(&cache, 3).await;
    Other.cached(&other).other(1).await;
    assert_eq!(cache.len().await.unwrap(), 13);
    let index = format!("func-cache:{name}:pairs");
    let mut listed = Vec::<String>::new();
    // The mark, and what is added in the background.
    eventually(
        "both pairs are in the index",
        Duration::from_secs(20),
        || {
            listed = server.query(&["HKEYS", &index]);
            listed.contains(&String::new()) && listed.iter().any(|stem| stem.contains("other"))
        },
    );
    let unlisted = listed.iter().find(|stem| stem.contains("other")).unwrap();
    let _: () = server.query(&["HDEL", &index, unlisted]);
    assert_eq!(cache.purge().await.unwrap(), 13);
    assert!(server.raw_keys().is_empty());
    // In the next epoch a pair is added again.
    Other.cached(&other).other(1).await;
    fill(&cache, 1).await;
    assert_eq!(
        (cache.len().await.unwrap(), other.len().await.unwrap()),
        (5, 5)
    );
    let scans = calls(&server, "scan");
    assert_eq!(
        (cache.len().await.unwrap(), other.len().await.unwrap()),
        (5, 5)
    );
    assert_eq!(calls(&server, "scan"), scans);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_use_the_index_scans() {
    let server = Server::start();
    let name = unique("pairs");
    let cache = build(&name, &server);
    fill(&cache, 3).await;
    for rules in [
        // Reads alone.
        &["%R~*", "+@all"][..],
        &["~*", "+@all", "-eval"],
        // It completes the index, and cannot read it.
        &["~*", "+@all", "-hkeys"],
    ] {
        if server.binary().version < (7, 0, 0) && rules[0] == "%R~*" {
            continue;
        }
        let user = ["ACL", "SETUSER", "reader", "reset", "on", ">pass", "&*"];
        let _: () = server.query(&[&user[..], rules].concat());
        let url = format!("redis://reader:pass@127.0.0.1:{}", server.port());
        let reader = Cache::builder(&name)
            .redis(url)
            .deadline(PATIENT)
            .build()
            .unwrap();
        for _ in 0..2 {
            let scans = calls(&server, "scan");
            assert_eq!(reader.len().await.unwrap(), 12, "{rules:?}");
            assert!(calls(&server, "scan") > scans, "{rules:?}");
        }
    }
}

/// The names of a cluster's pairs are none of its business.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_use_the_keys_of_this_cache_alone_counts_them() {
    let server = Server::start();
    let name = unique("pairs");
    let keys = format!("~func-cache:{name}:*");
    let user = ["ACL", "SETUSER", "app", "on", ">pass", "&*", &keys, "+@all"];
    let _: () = server.query(&user);
    let url = format!("redis://app:pass@127.0.0.1:{}", server.port());
    let cache = Cache::builder(&name).redis(url).deadline(PATIENT);
    let cache = cache.build().unwrap();
    fill(&cache, 3).await;
    assert_eq!(cache.len().await.unwrap(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_cluster_pairs_of_all_nodes_are_indexed() {
    let cluster = Cluster::start();
    let name = unique("pairs");
    let build = || {
        let builder: CacheBuilder = Cache::builder(&name).redis_cluster(cluster.urls());
        builder.deadline(PATIENT).build().unwrap()
    };
    let (cache, other) = (build(), build());
    fill(&cache, 5).await;
    Other.cached(&other).other(1).await;
    eventually("all are in the index", SOON, || {
        let index = format!("func-cache:{name}:pairs");
        cluster.node_of(&index).query::<u64>(&["HLEN", &index]) == 4
    });
    assert_eq!(cache.len().await.unwrap(), 21);
    let scans = || {
        cluster
            .nodes()
            .iter()
            .map(|node| calls(node, "scan"))
            .sum::<u64>()
    };
    let before = scans();
    assert!(before >= 3, "of each node: {before}");
    assert_eq!(
        (cache.len().await.unwrap(), other.len().await.unwrap()),
        (21, 21)
    );
    assert_eq!(scans(), before);
}
