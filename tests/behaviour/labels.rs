//! `label = "{id}"`: what tools show of an entry.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Inspection, cache_fn, cache_impl};
use serde::{Deserialize, Serialize};
use support::log::Log;
use support::{PATIENT, Server, unique};
use tracing::Level;

/// How often labels were made of [`Counted`].
static SHOWN: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Serialize)]
struct Counted(u64);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SHOWN.fetch_add(1, Ordering::SeqCst);
        write!(f, "no. {}", self.0)
    }
}

/// It panics for 13, and fails for 14.
#[derive(Clone, Serialize)]
struct Odd(u64);

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(self.0, 13, "never shown");
        if self.0 == 14 {
            return Err(fmt::Error);
        }
        write!(f, "odd number {}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NotFound;

#[derive(Clone, Serialize)]
struct Path<T>(T);

#[derive(Clone)]
struct Repo;

#[cache_impl(ttl = "1h")]
impl Repo {
    #[cache(label = "{tenant}/{id:04}")]
    async fn find(&self, tenant: &str, id: u64) -> u64 {
        let _ = tenant;
        id
    }

    async fn plain(&self, id: u64) -> u64 {
        id
    }

    #[cache(label = "{id}")]
    async fn counted(&self, id: Counted) -> u64 {
        id.0
    }

    #[cache(label = "{id}")]
    async fn odd(&self, id: Odd) -> u64 {
        id.0
    }

    #[cache(label = "{ids:?}/{tenant}", batch = ids)]
    async fn many(&self, tenant: u64, ids: Vec<u64>) -> HashMap<u64, u64> {
        let _ = tenant;
        ids.into_iter().map(|id| (id, id)).collect()
    }

    #[cache(batch = ids, shares = find)]
    async fn find_all(&self, tenant: &str, ids: &[u64]) -> HashMap<u64, u64> {
        let _ = tenant;
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cache(label = "{id}", cache_err = Self::is_not_found, ttl_err = "1m")]
    async fn missing(&self, id: u64) -> Result<u64, NotFound> {
        let _ = id;
        Err(NotFound)
    }

    #[cache(label = "{name} {which:?}")]
    fn blocking(&self, name: impl AsRef<str>, Path(which): Path<Option<u8>>) -> String {
        let _ = which;
        name.as_ref().to_owned()
    }

    #[cache(label = "{id}", ttl = "40ms", stale = "1h")]
    async fn stale(&self, id: u64) -> u64 {
        id
    }

    #[cache(label = "{id}", tags(user = id))]
    async fn tagged(&self, id: u64, #[cache_skip] from: &str) -> String {
        let _ = id;
        from.to_owned()
    }

    #[nocache]
    #[updates(tagged(id))]
    async fn change(&self, id: u64) -> String {
        id.to_string()
    }

    fn is_not_found(_: &NotFound) -> bool {
        true
    }
}

fn cache() -> Cache {
    Cache::builder("labels").build().unwrap()
}

fn on(server: &Server) -> Cache {
    Cache::builder("labels")
        .redis(server.url())
        .deadline(PATIENT)
        .build()
        .unwrap()
}

/// The stored entries of the one pair that there is.
fn values(server: &Server) -> Vec<Vec<u8>> {
    let keys = server.keys();
    let values = keys.iter().find(|key| key.ends_with(":1")).unwrap();
    server.query(&["HVALS", values])
}

fn label(inspected: Result<Option<Inspection>, redis_func_cache::Error>) -> Option<String> {
    inspected.unwrap().expect("an entry").label
}

#[tokio::test]
async fn an_entry_has_the_label_of_its_arguments() {
    let server = Server::start();
    for cache in [cache(), on(&server)] {
        let repo = Repo.cached(&cache);
        repo.find("north", 42).await;
        repo.plain(42).await;
        let entry = || repo.entry().find("north", 42);
        assert_eq!(
            label(entry().inspect().await),
            Some("north/0042".to_owned())
        );
        assert_eq!(entry().peek().await.unwrap(), Some(42));
        assert_eq!(label(repo.entry().plain(42).inspect().await), None);

        repo.blocking("a\nb", Path(Some(7)));
        let entry = repo.entry().blocking("a\nb", Path(Some(7)));
        assert_eq!(label(entry.inspect()), Some("a\\nb Some(7)".to_owned()));
    }
}

/// As `redis-cli HGET` shows it: behind the header, in clear text.
#[tokio::test]
async fn a_label_can_be_read_in_the_stored_bytes() {
    let server = Server::start();
    let cache = on(&server);
    let repo = Repo.cached(&cache);
    repo.find("north", 42).await;
    let values = values(&server);
    assert_eq!(values.len(), 1);
    let expected = [&[10][..], b"north/0042"].concat();
    assert_eq!(values[0][80..91], expected[..]);
}

#[tokio::test]
async fn a_hit_makes_no_label() {
    let cache = cache();
    let repo = Repo.cached(&cache);
    repo.counted(Counted(7)).await;
    assert_eq!(SHOWN.load(Ordering::SeqCst), 1);
    for _ in 0..5 {
        repo.counted(Counted(7)).await;
    }
    assert_eq!(SHOWN.load(Ordering::SeqCst), 1);
    assert_eq!(cache.stats().hit, 5);
    // Nor does a call that stores nothing.
    cache.read_only(repo.counted(Counted(8))).await;
    cache.set_enabled(false);
    repo.counted(Counted(7)).await;
    assert_eq!(SHOWN.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whatever_stores_a_value_labels_it() {
    let server = Server::start();
    for cache in [cache(), on(&server)] {
        let repo = Repo.cached(&cache);
        let entry = |id| repo.entry().tagged(id);
        entry(1).put(&"put".to_owned()).await.unwrap();
        entry(2).refresh("refresh").await;
        let token = entry(3).begin().await.unwrap();
        assert!(
            entry(3)
                .put_if_current(&"begun".to_owned(), token)
                .await
                .unwrap()
        );
        repo.change(4).await;
        repo.tagged(5, "call").await;
        for (id, value) in [
            (1, "put"),
            (2, "refresh"),
            (3, "begun"),
            (4, "4"),
            (5, "call"),
        ] {
            assert_eq!(
                label(entry(id).inspect().await),
                Some(id.to_string()),
                "{value}"
            );
            assert_eq!(entry(id).peek().await.unwrap().as_deref(), Some(value));
        }
        // It is found by its tag all the same.
        cache.tag("user", &5).invalidate().await.unwrap();
        assert!(entry(5).inspect().await.unwrap().is_none());

        assert_eq!(repo.missing(7).await, Err(NotFound));
        let inspected = repo.entry().missing(7).inspect().await.unwrap().unwrap();
        assert_eq!(
            (inspected.label.as_deref(), inspected.is_error),
            (Some("7"), true)
        );
    }
}

#[tokio::test]
async fn each_item_of_a_batch_has_a_label_of_its_own() {
    let server = Server::start();
    for cache in [cache(), on(&server)] {
        let repo = Repo.cached(&cache);
        assert_eq!(repo.many(1, vec![7, 8, 7]).await.len(), 2);
        for id in [7, 8] {
            let entry = repo.entry().many(1, id);
            assert_eq!(label(entry.inspect().await), Some(format!("{id}/1")));
        }
        repo.entry().many(2, 9).put(&Some(9)).await.unwrap();
        let entry = repo.entry().many(2, 9);
        assert_eq!(label(entry.inspect().await), Some("9/2".to_owned()));
        // The label of the method whose entries they are.
        repo.find_all("south", &[5, 6]).await;
        for id in [5, 6] {
            let entry = repo.entry().find("south", id);
            assert_eq!(label(entry.inspect().await), Some(format!("south/000{id}")));
        }
    }
}

#[tokio::test]
async fn a_refreshed_entry_keeps_its_label() {
    let cache = cache();
    let repo = Repo.cached(&cache);
    repo.stale(7).await;
    let stored_at = |inspected: Inspection| {
        assert_eq!(inspected.label.as_deref(), Some("7"));
        inspected.stored_at
    };
    let entry = || repo.entry().stale(7);
    let first = stored_at(entry().inspect().await.unwrap().unwrap());
    tokio::time::sleep(Duration::from_millis(50)).await;
    repo.stale(7).await;
    for _ in 0..100 {
        if stored_at(entry().inspect().await.unwrap().unwrap()) > first {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not refreshed");
}

#[tokio::test]
async fn what_cannot_be_shown_is_stored_without_a_label() {
    let log = Log::start();
    let cache = cache();
    let repo = Repo.cached(&cache);
    for id in [12, 13, 14, 13] {
        assert_eq!(repo.odd(Odd(id)).await, id);
    }
    assert_eq!((cache.stats().exec, cache.stats().hit), (3, 1));
    for (id, expected) in [
        (12, Some("odd number 12".to_owned())),
        (13, None),
        (14, None),
    ] {
        let entry = repo.entry().odd(Odd(id));
        assert_eq!(label(entry.inspect().await), expected, "{id}");
    }
    assert_eq!(log.said(Level::WARN, "no label").len(), 1);
    assert!(
        log.events()
            .iter()
            .all(|(_, text)| !text.contains("odd number"))
    );
}

/// A build without the option reads what one with it has stored, and the other way round.
#[tokio::test]
async fn a_label_is_not_a_part_of_the_build() {
    mod with {
        use super::cache_impl;

        pub struct Repo;

        #[cache_impl]
        impl Repo {
            #[cache(label = "{id}", name = "labels.find")]
            pub async fn find(&self, id: u64) -> u64 {
                id
            }
        }
    }
    mod without {
        use super::cache_impl;

        pub struct Repo;

        #[cache_impl]
        impl Repo {
            #[cache(name = "labels.find")]
            pub async fn find(&self, id: u64) -> u64 {
                id
            }
        }
    }
    let server = Server::start();
    let name = unique("labels");
    let builder = || {
        Cache::builder(&name)
            .redis(server.url())
            .deadline(PATIENT)
            // An entry is as large as it may be.
            .max_entry_bytes(1)
            .build()
            .unwrap()
    };
    let (labels, plain) = (builder(), builder());
    let (with, without) = (with::Repo.cached(&labels), without::Repo.cached(&plain));
    with.find(1).await;
    without.find(2).await;
    assert_eq!((without.find(1).await, with.find(2).await), (1, 2));
    assert_eq!((labels.stats().hit, plain.stats().hit), (1, 1));
    let entry = without.entry().find(1);
    assert_eq!(label(entry.inspect().await), Some("1".to_owned()));
}

#[cfg(feature = "seal")]
#[tokio::test]
async fn a_label_is_visible_where_the_payload_is_sealed() {
    use redis_func_cache::SealKeys;

    let server = Server::start();
    let cache = Cache::builder("labels")
        .redis(server.url())
        .deadline(PATIENT)
        .sealed(SealKeys::new(1, [7; 32]))
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    repo.tagged(42, "a secret").await;
    repo.tagged(42, "").await;
    assert_eq!(cache.stats().hit, 1);
    let values = values(&server);
    let text = String::from_utf8_lossy(&values[0]);
    assert!(text.contains("42") && !text.contains("a secret"), "{text}");
    let entry = repo.entry().tagged(42);
    assert_eq!(label(entry.inspect().await), Some("42".to_owned()));
}

static SHARED: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(cache);

#[cache_fn(cache = SHARED, label = "{code}")]
async fn rate(#[cache_skip] db: &str, code: &str) -> String {
    format!("{db} {code}")
}

struct InPlace;

trait Rates {
    async fn of(&self, code: String) -> String;
}

#[cache_impl(cache = SHARED, self_key = ())]
impl Rates for InPlace {
    #[cache(label = "of {code}")]
    async fn of(&self, code: String) -> String {
        code
    }
}

#[cache_impl(cache = SHARED, handle = CachedInPlaceToo)]
impl InPlace {
    #[cache(label = "{code:?}")]
    fn by_code(code: String) -> String {
        code
    }
}

#[tokio::test]
async fn functions_and_blocks_in_place_have_labels() {
    rate("db", "EUR").await;
    assert_eq!(
        label(rate::entry("EUR").inspect().await),
        Some("EUR".to_owned())
    );
    InPlace.of("EUR".to_owned()).await;
    let entry = CachedInPlace::entry_of(&InPlace).of("EUR".to_owned());
    assert_eq!(label(entry.inspect().await), Some("of EUR".to_owned()));
    InPlace::by_code("EUR".to_owned());
    let entry = CachedInPlaceToo::entry().by_code("EUR".to_owned());
    assert_eq!(label(entry.inspect()), Some("\"EUR\"".to_owned()));
}
