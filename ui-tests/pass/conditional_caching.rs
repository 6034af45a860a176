#![deny(warnings)]
//! Rules for values of every kind of method, by every kind of path.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::Serialize;
use serde::de::DeserializeOwned;

mod rules {
    pub(crate) fn is_some_text(text: &str) -> bool {
        !text.is_empty()
    }
    pub(crate) fn any<T, const YES: bool>(_: &T) -> bool {
        YES
    }
}

trait Rule {
    fn is_good(&self) -> bool;
    fn life(&self) -> Duration;
}

impl Rule for u64 {
    fn is_good(&self) -> bool {
        *self > 0
    }
    fn life(&self) -> Duration {
        Duration::from_secs(*self)
    }
}

struct Repo<T>(T);

#[cache_impl(cache_none = false, ttl = "1h", self_key = ())]
impl<T: Rule + Clone + Serialize + DeserializeOwned> Repo<T> {
    fn is_first(of: &(T, u8)) -> bool {
        of.1 == 0
    }

    #[cache(cache_if = Self::is_first)]
    async fn pair(&self, of: u8) -> Result<(T, u8), T> {
        Ok((self.0.clone(), of))
    }

    #[cache(cache_if = Rule::is_good, ttl_fn = <T as Rule>::life)]
    fn itself(&self) -> T {
        self.0.clone()
    }

    #[cache(cache_if = crate::conditional_caching::rules::any::<Option<T>, true>)]
    fn maybe(&self, of: bool) -> Option<T> {
        of.then(|| self.0.clone())
    }

    #[cache(cache_none = true)]
    fn found(&self, of: bool) -> Option<T> {
        of.then(|| self.0.clone())
    }

    fn future(&self, of: bool) -> impl Future<Output = Option<u8>> {
        async move { of.then_some(1) }
    }
}

#[async_trait]
trait Texts {
    async fn text(&self, of: &str) -> Result<String, u8>;
    async fn none(&self, of: u8) -> Result<Option<u8>, u8>;
}

struct View<'v>(&'v str);

#[cache_impl(ttl_none = "10s", self_key = ())]
#[async_trait]
impl Texts for View<'_> {
    #[cache(cache_if = rules::is_some_text)]
    async fn text(&self, of: &str) -> Result<String, u8> {
        Ok(format!("{}{of}", self.0))
    }
    async fn none(&self, of: u8) -> Result<Option<u8>, u8> {
        Ok((of > 0).then_some(of))
    }
}

#[cache_impl(wrapper = CachedView, self_key = ())]
impl<'v> View<'v> {
    #[cache(cache_if = rules::is_some_text)]
    async fn borrowed(&self, of: &str) -> Cow<'_, str> {
        Cow::Owned(format!("{}{of}", self.0))
    }
    #[cache(ttl_fn = Self::life, ttl_none = "1s")]
    fn skips(&self, #[cache_skip] by: &str, of: &str) -> Result<Option<String>, &str> {
        if of == "no" {
            Err(self.0)
        } else {
            Ok(Some(by.to_owned()))
        }
    }
    #[cache(ttl_fn = Self::life)]
    async fn skips_too(&self, #[cache_skip] by: &'v str, of: &str) -> Option<String> {
        (!of.is_empty()).then(|| by.to_owned())
    }
    fn life(of: &Option<String>) -> Option<Duration> {
        of.as_ref().map(|of| Duration::from_secs(of.len() as u64))
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = Repo(2u64).cached(&cache);
    for _ in 0..2 {
        assert_eq!(is_send(repo.pair(0)).await, Ok((2, 0)));
        assert_eq!(is_send(repo.pair(1)).await, Ok((2, 1)));
        assert_eq!((repo.itself(), repo.maybe(true)), (2, Some(2)));
        assert_eq!((repo.maybe(false), repo.found(false)), (None, None));
        assert_eq!(
            (repo.future(true).await, repo.future(false).await),
            (Some(1), None)
        );
    }
    assert_eq!((cache.stats().hit, cache.stats().miss), (5, 11));
    assert_eq!(is_send(repo.entry().pair(1).refresh()).await, Ok((2, 1)));
    assert_eq!(
        (
            repo.entry().itself().refresh(),
            repo.entry().maybe(true).refresh()
        ),
        (2, Some(2))
    );
    assert_eq!(cache.len().await.unwrap(), 5);

    let text = String::from("t");
    let view = View(&text).cached(&cache);
    assert_eq!(is_send(view.text("a")).await.unwrap(), "ta");
    assert_eq!(is_send(view.none(0)).await.unwrap(), None);
    assert_eq!(is_send(view.borrowed("a")).await, "ta");
    assert_eq!(
        (view.skips("a", "b"), view.skips("a", "no")),
        (Ok(Some("a".into())), Err("t"))
    );
    assert_eq!(view.skips_too(&text, "b").await.unwrap(), "t");
    let entry = view.entry();
    assert_eq!(
        entry
            .skips("b")
            .ttl()
            .unwrap()
            .unwrap()
            .as_secs_f32()
            .ceil(),
        1.0
    );
    assert_eq!(is_send(entry.text("b").refresh()).await.unwrap(), "tb");
    assert_eq!(is_send(entry.borrowed("b").refresh()).await, "tb");
    assert_eq!(entry.skips("c").refresh("d"), Ok(Some("d".into())));
    assert_eq!(
        is_send(entry.skips_too("c").refresh(&text)).await.unwrap(),
        "t"
    );
}
