//! Arguments in any form: what they are converted to is the key, once for each call.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use futures_util::future::join;
use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

/// Counts how often it is converted.
struct Counting<'a>(&'a AtomicU64);

impl Counting<'_> {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl AsRef<str> for Counting<'_> {
    fn as_ref(&self) -> &'static str {
        self.count();
        "a"
    }
}

impl From<Counting<'_>> for String {
    fn from(counting: Counting<'_>) -> Self {
        counting.count();
        "a".to_owned()
    }
}

impl std::fmt::Display for Counting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.count();
        f.write_str("a")
    }
}

impl IntoIterator for Counting<'_> {
    type Item = u8;
    type IntoIter = std::array::IntoIter<u8, 2>;

    fn into_iter(self) -> Self::IntoIter {
        self.count();
        [1, 2].into_iter()
    }
}

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    seen: Mutex<Vec<String>>,
    gate: Notify,
}

impl Repo {
    fn ran(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    fn saw(&self, what: impl Into<String>) -> u64 {
        self.seen.lock().unwrap().push(what.into());
        self.ran()
    }
}

trait Lookup {
    fn by_ref(&self, name: impl AsRef<str> + Send) -> impl Future<Output = u64> + Send;
    fn by_into<S: Into<String>>(&self, name: S) -> u64;
}

#[cache_impl(self_key = ())]
impl Lookup for Repo {
    async fn by_ref(&self, name: impl AsRef<str> + Send) -> u64 {
        self.saw(name.as_ref().to_owned() + name.as_ref())
    }
    fn by_into<S: Into<String>>(&self, name: S) -> u64 {
        self.saw(name)
    }
}

#[cache_impl(wrapper = CachedRepo, self_key = ())]
impl Repo {
    async fn text(&self, id: impl ToString) -> u64 {
        self.saw(id.to_string())
    }
    async fn items<I: IntoIterator<Item = u8>>(&self, ids: I) -> u64 {
        self.saw(format!("{:?}", ids.into_iter().collect::<Vec<_>>()))
    }
    async fn optional(&self, name: Option<impl AsRef<str>>, or: Option<impl Into<String>>) -> u64 {
        self.saw(format!(
            "{:?}{:?}",
            name.map(|name| name.as_ref().to_owned()),
            or.map(Into::into)
        ))
    }
    async fn with_more(&self, name: impl AsRef<str> + Debug) -> u64 {
        self.saw(format!("{name:?}{}", name.as_ref()))
    }
    async fn named_with_more<S: AsRef<str> + Clone>(&self, name: S) -> u64 {
        self.saw(name.clone().as_ref())
    }
    /// Two arguments are kept apart, also where one is a prefix of the other.
    async fn pair(&self, first: impl AsRef<str>, second: impl Into<String>) -> u64 {
        self.saw(format!("{} {}", first.as_ref(), second.into()))
    }
    async fn slow(&self, name: impl AsRef<str>) -> u64 {
        self.gate.notified().await;
        self.saw(name.as_ref())
    }
    async fn chosen<T: Serialize + DeserializeOwned>(&self, json: &str) -> serde_json::Result<T> {
        self.saw(json);
        serde_json::from_str(json)
    }
    #[nocache]
    #[invalidates(by_ref(name), items(ids.iter().copied()))]
    async fn changed(&self, name: &str, ids: &[u8]) -> usize {
        name.len() + ids.len()
    }
}

#[cache_impl(wrapper = CachedRepo, self_key = (), ttl = "1ms", stale = "1h")]
impl Repo {
    async fn stale(
        &self,
        name: impl AsRef<str>,
        path: &impl AsRef<[u8]>,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        or: Option<impl Into<String>>,
    ) -> u64 {
        let names: Vec<_> = names
            .into_iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        self.saw(format!(
            "{} {:?} {names:?} {:?}",
            name.as_ref(),
            path.as_ref(),
            or.map(Into::into)
        ))
    }
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| cache("functions"));
static RUNS: AtomicU64 = AtomicU64::new(0);

#[cache_fn(cache = CACHE)]
async fn rate<S: AsRef<str>>(code: S, on: impl Into<String>) -> u64 {
    assert_eq!(code.as_ref(), on.into());
    RUNS.fetch_add(1, Ordering::SeqCst)
}

fn cache(name: &str) -> Cache {
    Cache::builder(name).memory().build().unwrap()
}

#[tokio::test]
async fn a_call_converts_each_argument_once_whether_it_hits_or_misses() {
    let repo = Repo::default().cached(&cache("once"));
    let count = AtomicU64::new(0);
    let each = || Counting(&count);
    for _miss_then_hit in 0..2 {
        repo.by_ref(each()).await;
        assert_eq!(count.swap(0, Ordering::SeqCst), 1, "as_ref");
        repo.by_into(each());
        assert_eq!(count.swap(0, Ordering::SeqCst), 1, "into");
        repo.text(each()).await;
        assert_eq!(count.swap(0, Ordering::SeqCst), 1, "to_string");
        repo.items(each()).await;
        assert_eq!(count.swap(0, Ordering::SeqCst), 1, "into_iter");
        repo.optional(Some(each()), Some(each())).await;
        assert_eq!(count.swap(0, Ordering::SeqCst), 2, "options");
        rate(each(), each()).await;
        assert_eq!(count.swap(0, Ordering::SeqCst), 2, "of a function");
    }
    let inner = CachedRepo::inner(&repo);
    assert_eq!(inner.runs.load(Ordering::SeqCst), 5);
    assert_eq!(
        *inner.seen.lock().unwrap(),
        ["aa", "a", "a", "[1, 2]", "Some(\"a\")Some(\"a\")"]
    );
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_they_are_converted_from_is_not_in_the_key() {
    let cache = cache("sources");
    let repo = Repo::default().cached(&cache);
    let a = || String::from("a");
    let same = [
        (repo.by_ref("a").await, repo.by_ref(a()).await),
        (repo.by_into('a'), repo.by_into(a())),
        (repo.text("7").await, repo.text(7).await),
        (repo.items([1, 2]).await, repo.items(vec![1, 2]).await),
        (
            repo.optional(Some("a"), None::<&str>).await,
            repo.optional(Some(a()), None::<String>).await,
        ),
        (repo.pair("a", "b").await, repo.pair(a(), 'b').await),
    ];
    for (one, other) in same {
        assert_eq!(one, other);
    }
    let different = [
        (repo.by_ref("a").await, repo.by_ref("b").await),
        (repo.items([1, 2]).await, repo.items([12]).await),
        (repo.items([1, 2]).await, repo.items([2, 1]).await),
        (repo.pair("a", "b").await, repo.pair("ab", "").await),
        (
            repo.optional(None::<&str>, Some("a")).await,
            repo.optional(Some("a"), None::<&str>).await,
        ),
    ];
    for (one, other) in different {
        assert_ne!(one, other);
    }
}

#[tokio::test]
async fn their_type_counts_where_there_are_more_bounds() {
    let repo = Repo::default().cached(&cache("bounds"));
    let a = || String::from("a");
    assert_ne!(repo.with_more("a").await, repo.with_more(a()).await);
    assert_eq!(repo.with_more("a").await, repo.with_more("a").await);
    assert_ne!(repo.with_more("a").await, repo.with_more("b").await);
    assert_ne!(
        repo.named_with_more("a").await,
        repo.named_with_more(a()).await
    );
    assert_eq!(
        repo.named_with_more(a()).await,
        repo.named_with_more(a()).await
    );
    let entry = repo.entry();
    assert!(entry.with_more(a()).invalidate().await.unwrap());
    assert!(entry.with_more("a").peek().await.unwrap().is_some());
}

#[tokio::test]
async fn calls_with_arguments_of_two_types_share_an_execution() {
    let cache = cache("flight");
    let repo = Repo::default().cached(&cache);
    let release = async {
        while cache.stats().count < 2 {
            tokio::task::yield_now().await;
        }
        CachedRepo::inner(&repo).gate.notify_one();
    };
    let ((one, other), ()) =
        join(join(repo.slow("a"), repo.slow(String::from("a"))), release).await;
    assert_eq!((one, other), (0, 0));
    assert_eq!((cache.stats().exec, cache.stats().coalesced), (1, 1));
}

#[tokio::test]
async fn a_refresh_in_the_background_owns_what_was_converted() {
    let cache = cache("stale");
    let repo = Repo::default().cached(&cache);
    let runs = || CachedRepo::inner(&repo).runs.load(Ordering::SeqCst);
    for round in 1..4 {
        {
            // Gone before the refresh runs.
            let (name, names) = (
                String::from("a"),
                vec![String::from("b"), String::from("c")],
            );
            let answer = repo
                .stale(&name, &[7_u8], &names, Some(name.as_str()))
                .await;
            assert!(answer < round);
        }
        for _ in 0..2000 {
            if runs() == round {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(runs(), round, "calls and refreshes");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let seen = CachedRepo::inner(&repo).seen.lock().unwrap().clone();
    assert_eq!(seen, ["a [7] [\"b\", \"c\"] Some(\"a\")"; 3]);
    assert!(cache.stats().stale >= 2);
}

#[tokio::test]
async fn handles_and_invalidations_compute_the_same_key() {
    let repo = Repo::default().cached(&cache("handles"));
    let entry = repo.entry();
    assert_eq!((repo.by_ref("a").await, repo.items([1]).await), (0, 1));
    assert_eq!(
        entry.by_ref(String::from("a")).peek().await.unwrap(),
        Some(0)
    );
    assert_eq!(entry.by_ref("a").refresh().await, 2);
    assert_eq!(repo.by_ref("a").await, 2);
    assert_eq!(repo.changed("a", &[1]).await, 2);
    assert_eq!(entry.by_ref("a").peek().await.unwrap(), None);
    assert_eq!(entry.items([1]).peek().await.unwrap(), None);
}

#[tokio::test]
async fn a_type_that_the_caller_chooses_is_in_the_key() {
    let cache = cache("chosen");
    let repo = Repo::default().cached(&cache);
    for _ in 0..2 {
        assert_eq!(repo.chosen::<u8>("7").await.unwrap(), 7);
        assert_eq!(repo.chosen::<Option<u64>>("7").await.unwrap(), Some(7));
        repo.chosen::<String>("7").await.unwrap_err();
    }
    // `Err` is not stored, by the type of the alias.
    assert_eq!((cache.stats().hit, cache.stats().write), (2, 2));
    assert_eq!(
        repo.entry().chosen::<u8>("7").peek().await.unwrap(),
        Some(7)
    );
}
