//! `Debug` of whatever is ours shows no argument, stored value, password or key, also while a cache holds them.

use std::fmt::{Debug, Write as _};
use std::fs;
use std::path::Path;

use redis_func_cache::private::{Call, KeyWriter, Method, Options, Ready, engine};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Codec, SealKeys, Touch, cache_impl};
use serde::ser::{Error as _, Serialize, Serializer};
use support::{Cluster, Server, unique};

/// In every argument, value, password and key.
const CANARY: &str = "canary";
/// Its first bytes, as a `Debug` of bytes shows them.
const IN_BYTES: [&str; 2] = ["99, 97, 110, 97", "63616e617279"];
const KEY: [u8; 32] = *b"canary-canary-canary-canary-32-b";

/// The user's own `Debug` is for the user to write; ours does not call it.
#[derive(Debug)]
struct Repo {
    #[allow(dead_code)] // `Debug` shows it
    token: &'static str,
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: &str) -> String {
        format!("canary value of {id}")
    }

    #[cache(ttl = "1m", stale = "1m")]
    async fn fresh(&self, id: String) -> Vec<u8> {
        id.into_bytes()
    }

    async fn skipping(&self, #[cache_skip] context: &str, id: &str) -> String {
        format!("{context} {id}")
    }

    fn blocking(&self, id: &str) -> String {
        id.to_owned()
    }

    #[nocache]
    #[invalidates(find(id), fresh(..))]
    async fn change(&self, id: &str) {
        let _ = id;
    }
}

/// An argument that cannot be a key, and says why with all it knows.
struct Refused;

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("canary"))
    }
}

#[derive(Default)]
struct Shown(String);

impl Shown {
    fn show(&mut self, value: &dyn Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").unwrap();
    }

    fn check(&self, what: &str) {
        assert!(!self.0.is_empty());
        for secret in [CANARY].iter().chain(&IN_BYTES) {
            let lines = self.0.lines().filter(|line| line.contains(secret));
            let lines: Vec<_> = lines.collect();
            assert!(lines.is_empty(), "{what} shows `{secret}`: {lines:#?}");
        }
    }
}

static METHOD: Method = Method::new("debug::method", "method", [7; 20], Options::NONE);

/// All there is to show of a cache that holds entries, has recorded hits, and is used.
async fn show_all(shown: &mut Shown, cache: &Cache) {
    let repo = Repo {
        token: "canary token",
    }
    .cached(cache);
    for _ in 0..3 {
        repo.find("canary").await;
        repo.fresh("canary".to_owned()).await;
        repo.skipping("canary", "canary").await;
        repo.blocking("canary");
    }
    assert_eq!(cache.len().await.unwrap(), 4);
    shown.show(cache);
    shown.show(&repo);
    shown.show(&repo.entry());
    shown.show(&repo.entry().find("canary"));
    shown.show(&repo.entry().fresh("canary".to_owned()));
    shown.show(&repo.entry().skipping("canary"));
    shown.show(&repo.entry().blocking("canary"));
    shown.show(&repo.entry().find("canary").invalidation());
    shown.show(&cache.stats());
    shown.show(&cache.method_stats());
    let call = Call::new(engine(cache), &METHOD, |writer: &mut KeyWriter| {
        writer.add("canary");
        writer.add(&b"canary");
        shown.show(writer);
        writer.add(&Refused);
        shown.show(writer);
    });
    shown.show(&call);
    shown.show(&METHOD);
    shown.show(&repo.__func_cache_core);
    repo.change("canary").await;
}

/// Ways to store, in each of which a payload lies open or not.
const WAYS: [fn(CacheBuilder) -> CacheBuilder; 6] = [
    |builder| builder,
    |builder| builder.codec(Codec::Json),
    |builder| builder.compress_above(1),
    |builder| builder.sealed(SealKeys::new(1, KEY)),
    |builder| builder.touch(Touch::Exact),
    CacheBuilder::multiple,
];

async fn show_in_every_way(what: &str, builder: impl Fn() -> CacheBuilder) {
    let mut shown = Shown::default();
    for way in WAYS {
        let builder = way(builder());
        shown.show(&builder);
        show_all(&mut shown, &builder.build().unwrap()).await;
    }
    shown.check(what);
}

#[tokio::test]
async fn debug_shows_nothing_that_memory_holds() {
    show_in_every_way("memory", || Cache::builder(unique("debug")).memory()).await;
}

#[tokio::test]
async fn debug_shows_nothing_that_servers_hold() {
    let server = Server::start();
    let _: () = server.query(&[
        "ACL", "SETUSER", "canary", "on", ">canary", "~*", "&*", "+@all",
    ]);
    let url = format!("redis://canary:canary@127.0.0.1:{}", server.port());
    show_in_every_way("a server", || Cache::builder(unique("debug")).redis(&url)).await;
    let cluster = Cluster::start();
    let builder = || Cache::builder(unique("debug")).redis_cluster(cluster.urls());
    show_in_every_way("a cluster", builder).await;
}

#[tokio::test]
async fn debug_shows_no_keys_and_no_pending_execution() {
    let mut shown = Shown::default();
    let keys = || SealKeys::new(1, KEY).with_previous(2, KEY);
    shown.show(&keys());
    shown.show(&Cache::builder("x").sealed(keys()));
    shown.show(&Cache::builder("x").redis("redis://canary:canary@canary"));
    shown.show(&Ready(std::future::ready("canary")));
    shown.check("keys");
}

/// What holds bytes of others says itself what it shows of them.
#[test]
fn types_with_bytes_in_them_do_not_derive_debug() {
    fn visit(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
                continue;
            }
            if path.ends_with("cbor/differential.rs") {
                continue; // tests
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let derived = text.match_indices("#[derive(").filter_map(|(at, _)| {
                let item = &text[at..];
                let (traits, item) = item.split_once(")]")?;
                let end = item.find("\n}").or_else(|| item.find(";\n"));
                traits.contains("Debug").then(|| &item[..end.unwrap()])
            });
            for item in derived {
                let holds = ["Bytes", "Vec<u8>", "[u8]", "Box<[u8"];
                if holds.iter().any(|bytes| item.contains(bytes)) {
                    found.push(format!("{}: {}", path.display(), item.trim()));
                }
            }
        }
    }
    let mut found = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    visit(&sources, &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
