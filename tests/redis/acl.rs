//! The account in `SECURITY.md` is enough for all that a cache does, and none of it is too much.
//!
//! On runtimes with several threads, whose misses join.

use std::time::Duration;

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, Codec, CustomPolicy, Policy, StructureTtl, Touch,
    cache_impl,
};
use serde::{Serialize, Serializer};
use support::{Binary, Cluster, PATIENT, Server, binaries, check_pairs, eventually, root};

struct Repo;

struct Unfit;

impl Serialize for Unfit {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cache(codec = "json")]
    async fn name(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(ttl = "1h", tags(id = id))]
    async fn brief(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(find(..))]
    async fn change_all(&self) {}

    /// All tags are, as none can be made of this value.
    #[nocache]
    #[invalidates(tag(id = Unfit))]
    async fn change_all_tags(&self) {}

    #[nocache]
    #[invalidates(find(id))]
    async fn change(&self, id: u64) {
        let _ = id;
    }
}

/// The words in the blocks of `SECURITY.md` with this tag.
fn words(tag: &str) -> Vec<String> {
    let path = root().join("SECURITY.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let ours = blocks.filter_map(|block| block.split_once('\n').filter(|(name, _)| *name == tag));
    let words = ours.flat_map(|(_, body)| body.split_whitespace());
    let found: Vec<_> = words.map(str::to_owned).collect();
    assert!(!found.is_empty(), "no block {tag} in SECURITY.md");
    found
}

fn commands(tag: &str) -> Vec<String> {
    let words = words(tag).into_iter();
    words.filter(|word| word.starts_with('+')).collect()
}

fn commands_for(binary: &Binary) -> Vec<String> {
    let mut all = commands("acl");
    if binary.version >= (7, 4, 0) {
        all.extend(commands("acl-7.4"));
    }
    all
}

/// Makes the account afresh: what the block says of it, with these commands.
fn grant(server: &Server, commands: &[&str]) {
    let words = words("acl");
    let rules = words.iter().filter(|word| !word.starts_with('+'));
    let mut command: Vec<_> = rules.map(String::as_str).collect();
    assert_eq!(command[..3], ["ACL", "SETUSER", "app"]);
    command.insert(3, "reset");
    let _: () = server.query(&[&command[..], commands].concat());
}

/// Everything a cache does, in a cache that is nearly full. Returns what failed.
async fn everything(builder: CacheBuilder) -> Vec<String> {
    let cache = builder
        .maxsize(4)
        .structure_ttl(StructureTtl::Sliding(Duration::from_secs(60)))
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    // Each sixteenth put looks for entries that have expired.
    for id in 0..20 {
        assert_eq!(repo.find(id).await, id);
        assert_eq!(repo.find(id).await, id);
        assert_eq!(repo.name(id).await, id.to_string());
        assert_eq!(repo.brief(id).await, id);
    }
    let mut failed = Vec::new();
    let mut note = |what: &str, error: Option<redis_func_cache::Error>| {
        if let Some(error) = error {
            failed.push(format!("{what}: {error}"));
        }
    };
    note("len", cache.len().await.err());
    note("ping", cache.ping().await.err());
    let entry = || repo.entry().find(7);
    note("put", entry().put(&7).await.err());
    note("overwriting", entry().put(&7).await.err());
    note("peek", entry().peek().await.err());
    note("ttl", entry().ttl().await.err());
    note("invalidate", entry().invalidate().await.err());
    repo.change(1).await;
    repo.change_all().await;
    note("tag", cache.tag("id", &1).invalidate().await.err());
    repo.change_all_tags().await;
    assert_eq!(repo.find(1).await, 1);
    // So that recorded hits have been sent, or could not be.
    tokio::time::sleep(Duration::from_millis(30)).await;
    note("purge", cache.purge().await.err());
    let stats = cache.stats();
    if stats.error > 0 {
        failed.push(format!("{} errors were counted", stats.error));
    }
    if stats.hit < 8 {
        failed.push(format!("{} hits only", stats.hit));
    }
    failed
}

type Kinds = Vec<(Policy, Touch)>;

fn every_kind() -> Kinds {
    let policies = [
        Policy::Fifo,
        Policy::FifoT,
        Policy::Lru,
        Policy::LruT,
        Policy::Mru,
        Policy::Lfu,
        Policy::Rr,
    ];
    let touches = [Touch::BEHIND, Touch::Exact];
    let all = policies
        .into_iter()
        .flat_map(|policy| touches.map(|touch| (policy.clone(), touch)));
    all.collect()
}

/// Those that together use every command.
fn few_kinds() -> Kinds {
    vec![
        (Policy::LruT, Touch::BEHIND),
        (Policy::Mru, Touch::Exact),
        (Policy::Rr, Touch::BEHIND),
    ]
}

async fn all_of(kinds: Kinds, url: &str) -> Vec<String> {
    let mut failed = Vec::new();
    for (policy, touch) in kinds {
        let builder = Cache::builder("acl")
            .redis(url)
            .deadline(PATIENT)
            .policy(policy)
            .touch(touch);
        failed.extend(everything(builder).await);
    }
    failed.extend(without_end(url).await);
    failed
}

/// A pair without an end takes that of its key of leases away.
async fn without_end(url: &str) -> Option<String> {
    let builder = Cache::builder("acl-forever").redis(url).deadline(PATIENT);
    let builder = builder.structure_ttl(StructureTtl::Never);
    let cache = builder.build().unwrap();
    Repo.cached(&cache).find(1).await;
    let errors = cache.stats().error;
    let _ = cache.purge().await;
    (errors > 0).then(|| format!("{errors} errors without an end"))
}

fn url(server: &Server) -> String {
    format!("redis://app:password@127.0.0.1:{}", server.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_account_allows_everything_a_cache_does() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let commands = commands_for(&binary);
        grant(
            &server,
            &commands.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let failed = all_of(every_kind(), &url(&server)).await;
        assert_eq!(failed, [""; 0], "{binary}");
        repair(&server).await;
        unreadable(&server).await;
        check_pairs(&server);
    }
}

/// Torn pairs and expired entries need commands that whole ones do not.
async fn repair(server: &Server) {
    let cache = Cache::builder("acl-repair")
        .redis(url(server))
        .deadline(PATIENT)
        .maxsize(3)
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    for lost in ["ZREM", "HDEL", "DEL0", "DEL1"] {
        for id in 0..3 {
            repo.find(id).await;
        }
        let script = match lost {
            "ZREM" => "redis.call('ZREM', KEYS[1], unpack(redis.call('ZRANGE', KEYS[1], 0, 0)))",
            "HDEL" => "redis.call('HDEL', KEYS[2], redis.call('HKEYS', KEYS[2])[1])",
            "DEL0" => "redis.call('DEL', KEYS[1])",
            _ => "redis.call('DEL', KEYS[2])",
        };
        let stem = "func-cache:acl-repair:lru_t";
        let (ranking, values) = (format!("{stem}:0"), format!("{stem}:1"));
        let _: () = server.query(&["EVAL", script, "2", &ranking, &values]);
        for id in 0..5 {
            repo.find(id).await;
        }
    }
    assert_eq!(cache.stats().error, 0);
}

async fn unreadable(server: &Server) {
    let build = |codec| {
        let builder = Cache::builder("acl-unreadable")
            .redis(url(server))
            .deadline(PATIENT)
            .codec(codec);
        builder.build().unwrap()
    };
    Repo.cached(&build(Codec::Cbor)).find(1).await;
    let cache = build(Codec::MsgPack);
    cache.read_only(Repo.cached(&cache).find(1)).await;
    eventually("it is discarded", Duration::from_secs(20), || {
        let ours: Vec<_> = server
            .keys()
            .into_iter()
            .filter(|key| key.contains("acl-unreadable") && !key.ends_with(":2"))
            .collect();
        ours.is_empty()
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_when_any_one_command_is_forbidden() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let commands = commands_for(&binary);
        for missing in &commands {
            let rest: Vec<_> = commands
                .iter()
                .filter(|command| *command != missing)
                .map(String::as_str)
                .collect();
            grant(&server, &rest);
            let failed = all_of(few_kinds(), &url(&server)).await;
            // Asked for and not insisted on; two that repair what is seldom broken; and two that
            // wake who waits for another process, which looks again by itself.
            let quiet = [
                "+command|info",
                "+hpexpire",
                "+ping",
                "+hexists",
                "+hrandfield",
                "+publish",
                "+subscribe",
            ];
            assert!(
                !failed.is_empty() || quiet.contains(&missing.as_str()),
                "{binary}: {missing} is in the list, and nothing needs it"
            );
            let _: () = server.query(&["FLUSHALL"]);
            let _: () = server.query(&["SCRIPT", "FLUSH"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_policy_needs_the_commands_of_its_own_lua() {
    let policy = |command: &str| {
        CustomPolicy::new("own")
            .victims(format!("return pop('{command}', n)"))
            .in_memory(Policy::Fifo)
            .build()
            .unwrap()
    };
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let mut commands = commands_for(&binary);
        commands.extend(self::commands("acl-custom"));
        for (command, needed) in [("ZPOPMIN", "+zpopmin"), ("ZPOPMAX", "+zpopmax")] {
            for is_granted in [true, false] {
                let granted = commands.iter().map(String::as_str);
                let granted = granted.filter(|command| is_granted || *command != needed);
                grant(&server, &granted.collect::<Vec<_>>());
                let kinds = vec![(policy(command), Touch::BEHIND)];
                let failed = all_of(kinds, &url(&server)).await;
                assert_eq!(
                    failed.is_empty(),
                    is_granted,
                    "{binary}, {command}: {failed:?}"
                );
                let _: () = server.query(&["FLUSHALL"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_cluster_the_account_needs_few_more_commands() {
    let cluster = Cluster::start();
    let mut commands = commands_for(cluster.nodes()[0].binary());
    commands.extend(self::commands("acl-cluster"));
    let urls = cluster.nodes().iter().map(|node| {
        grant(
            node,
            &commands.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        url(node)
    });
    let urls: Vec<_> = urls.collect();
    let failed = everything(
        Cache::builder("acl")
            .redis_cluster(urls)
            .deadline(PATIENT)
            .multiple(),
    )
    .await;
    assert_eq!(failed, [""; 0]);
}
