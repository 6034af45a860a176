//! A value that can never be stored is logged once for each method, with what to do, and is returned.

use std::collections::BTreeMap;
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, ErrorKind, cache_impl};
use support::log::Log;
use support::{Server, binaries, unique};
use tracing::Level;

const LIMIT: usize = 500;

struct Repo;

#[cache_impl]
impl Repo {
    async fn large(&self, id: u32) -> String {
        format!("canary {id}").repeat(100)
    }

    fn large_and_blocking(&self, id: u32) -> String {
        format!("canary {id}").repeat(100)
    }

    /// Keys that JSON has no form for.
    #[cache(codec = "json")]
    async fn odd(&self, id: u32) -> BTreeMap<(u32, u32), String> {
        BTreeMap::from([((id, id), "canary".to_owned())])
    }

    #[cache(ttl = "1s", stale = "1h")]
    async fn grows(&self, is_large: &bool) -> String {
        "canary".repeat(if *is_large { 100 } else { 1 })
    }

    async fn small(&self, id: u32) -> u32 {
        id
    }
}

fn build(builder: CacheBuilder) -> (Cache, CachedRepo) {
    let builder = builder.max_entry_bytes(LIMIT);
    let builder = builder.deadline(Duration::from_secs(2));
    let cache = builder.build().unwrap();
    let repo = Repo.cached(&cache);
    (cache, repo)
}

/// What was said of a method at `warn`.
fn warned(log: &Log, method: &str) -> Vec<String> {
    log.said(Level::WARN, &format!("Repo::{method}\""))
}

async fn is_said_once(builder: CacheBuilder) {
    let log = Log::start();
    let (cache, repo) = build(builder);
    for id in [1, 2, 1, 2] {
        assert_eq!(repo.large(id).await.len(), 800);
        assert_eq!(repo.large_and_blocking(id).len(), 800);
        assert_eq!(repo.odd(id).await.len(), 1);
        assert_eq!(repo.small(id).await, id);
    }
    for (method, parts) in [
        ("large", ["803", "500", "max_entry_bytes", "nocache"]),
        (
            "large_and_blocking",
            ["803", "500", "max_entry_bytes", "return less"],
        ),
        ("odd", ["Json", "codec", "Serialize", "nocache"]),
    ] {
        let said = warned(&log, method);
        assert_eq!(said.len(), 1, "{method}: {said:#?}");
        for part in parts {
            assert!(said[0].contains(part), "`{part}` in {}", said[0]);
        }
        for part in ["canary", "the cache failed"] {
            assert!(!said[0].contains(part), "`{part}` in {}", said[0]);
        }
    }
    assert_eq!(warned(&log, "small"), [""; 0]);
    assert_eq!(log.said(Level::DEBUG, "the cache failed"), [""; 0]);
    let stats = cache.stats();
    assert!(stats.error >= 12 && stats.hit == 2, "{stats:?}");
}

#[tokio::test]
async fn values_that_can_never_be_stored_are_logged_once_per_method() {
    is_said_once(Cache::builder(unique("unstorable")).memory()).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        is_said_once(Cache::builder(unique("unstorable")).redis(server.url())).await;
    }
}

#[tokio::test]
async fn a_manual_put_returns_the_error_and_a_refresh_logs_it() {
    let log = Log::start();
    let (_cache, repo) = build(Cache::builder(unique("unstorable")));
    let put = repo.entry().large(1).put(&"canary".repeat(100)).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(warned(&log, "large"), [""; 0], "its caller knows");
    repo.entry().large(1).refresh().await;
    repo.entry().large(1).refresh().await;
    assert_eq!(warned(&log, "large").len(), 1);
    assert_eq!(repo.grows(&false).await.len(), 6);
    assert_eq!(warned(&log, "grows"), [""; 0]);
    assert_eq!(repo.grows(&true).await.len(), 600);
    assert_eq!(warned(&log, "grows").len(), 1);
}
