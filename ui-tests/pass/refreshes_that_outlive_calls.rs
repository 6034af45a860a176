#![deny(warnings)]
//! With `stale` or `early` a run of the method owns what it needs, and only where it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::{Deserialize, Serialize};

static CLONES: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counted(u8);

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::SeqCst);
        Self(self.0)
    }
}

#[derive(Clone)]
struct Ctx;
struct NotClone;

#[derive(Clone)]
struct Repo {
    by: u8,
}

#[cache_impl(
    ttl = "5m",
    stale = "10m",
    soft_timeout = "50ms",
    jitter = 0.1,
    stampede = "lease",
    self_key = ()
)]
impl Repo {
    async fn find(&self, id: u64) -> Result<u64, &'static str> {
        Ok(id + u64::from(self.by))
    }

    async fn text(&self, text: &str, words: &[String], of: &Counted) -> String {
        format!("{text}{}{}", words.len(), of.0)
    }

    #[cache]
    fn sync(&self, text: &str, of: Counted, (a, mut b): (u8, u8)) -> usize {
        b += a;
        text.len() + usize::from(of.0 + b + self.by)
    }

    #[cache(early = 0.9, stale = "off")]
    async fn early<'a>(
        &'a self,
        #[cache_skip] of: &'a Self,
        id: &'static str,
        r#type: Option<String>,
    ) -> u8 {
        of.by + u8::try_from(id.len() + r#type.iter().count()).unwrap_or(0)
    }

    #[cache(early = "xfetch", soft_timeout = "1s")]
    fn future(&self, of: &Counted) -> impl Future<Output = u8> + Send {
        let sum = self.by + of.0;
        async move { sum }
    }

    async fn skips(&self, #[cache_skip] ctx: &Ctx, #[cache_skip] by: Counted, id: u8) -> u8 {
        let Ctx = ctx;
        by.0 + id
    }

    #[cache]
    fn sync_skips(&self, id: u8, #[cache_skip] by: &[&'static str]) -> u8 {
        id + by
            .iter()
            .map(|by| by.bytes().next().unwrap_or(0))
            .sum::<u8>()
    }

    async fn generic<K: Serialize + Clone + Send + Sync + 'static, const N: usize>(
        &self,
        key: K,
        by: &[u8],
    ) -> usize {
        drop(key);
        by.len() + N
    }

    fn some_key(&self, key: impl Serialize + Clone + Send + 'static) -> u8 {
        drop(key);
        self.by
    }

    #[cache(stale = "off")]
    async fn off(&self, #[cache_skip] by: &NotClone, id: Option<&str>) -> usize {
        let NotClone = by;
        id.map_or(0, str::len)
    }
}

#[async_trait]
trait Users: Send + Sync {
    async fn name(&self, id: &str) -> Result<String, String>;
    fn count(&self) -> u8;
}

#[cache_impl(wrapper = CachedRepo, ttl = "5m", early = 0.5, stampede = "off")]
#[async_trait]
impl Users for Repo {
    #[cache(stampede = "local", jitter = 0)]
    async fn name(&self, id: &str) -> Result<String, String> {
        Ok(id.to_owned())
    }
    fn count(&self) -> u8 {
        self.by
    }
}

trait Natives<T> {
    fn native(&self, of: &T) -> impl Future<Output = u8> + Send;
}

struct Native<D>(D);

#[cache_impl(ttl = "5m", stale = "1d", self_key = ())]
impl<D: Clone + Send + Sync + 'static> Natives<Counted> for Native<D> {
    async fn native(&self, of: &Counted) -> u8 {
        drop(self.0.clone());
        of.0
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo { by: 1 }.cached(&cache);
    let one = Counted(1);
    for _ in 0..2 {
        assert_eq!(is_send(repo.find(1)).await, Ok(2));
        assert_eq!(
            is_send(repo.text("a", &["b".to_owned()], &one)).await,
            "a11"
        );
        assert_eq!(repo.sync("a", Counted(2), (3, 4)), 11);
        assert_eq!(is_send(repo.early(&Repo { by: 1 }, "id", None)).await, 3);
        assert_eq!(is_send(repo.future(&one)).await, 2);
        assert_eq!(is_send(repo.skips(&Ctx, Counted(2), 1)).await, 3);
        assert_eq!(repo.sync_skips(1, &["\u{1}"]), 2);
        assert_eq!(is_send(repo.generic::<_, 1>("k", &[1])).await, 2);
        assert_eq!(repo.some_key("k"), 1);
        assert_eq!(is_send(repo.off(&NotClone, Some("x"))).await, 1);
        assert_eq!(is_send(repo.name("a")).await.unwrap(), "a");
        assert_eq!(repo.count(), 1);
    }
    assert_eq!((cache.stats().hit, cache.stats().miss), (12, 12));
    assert_eq!(CLONES.load(Ordering::SeqCst), 4, "a hit clones nothing");
    assert_eq!(
        is_send(repo.entry().text("a", &[], &one).refresh()).await,
        "a01"
    );
    assert_eq!(repo.entry().sync_skips(1).refresh(&[]), 1);
    assert_eq!(
        is_send(repo.entry().skips(1).refresh(&Ctx, Counted(3))).await,
        4
    );

    let native = Native(()).cached(&cache);
    assert_eq!(is_send(native.native(&one)).await, 1);
    let spawned = tokio::spawn(async move { native.native(&Counted(2)).await });
    assert_eq!(spawned.await.unwrap(), 2);
}
