//! What is stored of what methods return, and for how long: `cache_none`, `ttl_none`, `cache_if`,
//! `ttl_fn`.

// A rule is given what is stored: a reference to the `Option`.
#![allow(clippy::ref_option)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Error, StructureTtl, cache_impl};
use serde::{Deserialize, Serialize};
use support::{PATIENT, Server, binaries, check_pairs, unique};
use tokio::sync::Notify;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    text: String,
    seconds: u64,
}

impl Page {
    fn of(seconds: u64) -> Self {
        Self {
            text: format!("{seconds} s"),
            seconds,
        }
    }

    /// An odd page is not yet complete.
    fn is_complete(&self) -> bool {
        self.seconds.is_multiple_of(2)
    }
}

mod rules {
    use std::time::Duration;

    pub(crate) fn is_short(text: &str) -> bool {
        text.len() < 3
    }

    pub(crate) fn life(page: &super::Page) -> Duration {
        Duration::from_secs(page.seconds)
    }

    /// Any call may answer this.
    pub(crate) fn are_all<T>(values: &[T]) -> bool {
        values.len() > 1
    }
}

type Maybe = Option<u64>;

#[derive(Default)]
struct Shop {
    runs: AtomicU64,
    gate: Notify,
}

impl Shop {
    fn ran(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
    }
}

#[cache_impl(ttl = "1h", default = "nocache")]
impl Shop {
    fn is_positive(of: &Option<i64>) -> bool {
        of.is_none_or(|of| of > 0)
    }

    #[cache]
    async fn plain(&self, id: u64) -> Maybe {
        self.ran();
        (id > 0).then_some(id)
    }

    #[cache(cache_none = false)]
    async fn aliased(&self, id: u64) -> Maybe {
        self.ran();
        (id > 0).then_some(id)
    }

    #[cache(cache_none = false)]
    async fn fallible(&self, id: u64) -> Result<Option<u64>, String> {
        self.ran();
        Ok((id > 0).then_some(id))
    }

    #[cache(ttl_none = "10s")]
    async fn briefly_none(&self, id: u64) -> Result<Maybe, String> {
        self.ran();
        Ok((id > 0).then_some(id))
    }

    #[cache(cache_if = Page::is_complete)]
    async fn page(&self, seconds: u64) -> Result<Page, String> {
        self.ran();
        Ok(Page::of(seconds))
    }

    #[cache(cache_if = Page::is_complete)]
    async fn held(&self, seconds: u64) -> Page {
        self.ran();
        self.gate.notified().await;
        self.gate.notify_one();
        Page::of(seconds)
    }

    #[cache(cache_if = rules::is_short)]
    fn short(&self, text: &str) -> String {
        self.ran();
        text.to_owned()
    }

    #[cache(cache_if = Self::is_positive, ttl_none = "5s")]
    fn number(&self, #[cache_skip] of: Option<i64>, _id: u8) -> Option<i64> {
        self.ran();
        of
    }

    #[cache(ttl_fn = rules::life)]
    fn timed(&self, seconds: u64) -> impl Future<Output = Page> + Send {
        self.ran();
        async move { Page::of(seconds) }
    }

    #[cache(ttl_fn = Self::life_of_some, ttl_none = "5s")]
    async fn conditional(&self, #[cache_skip] of: Option<u64>, _id: u8) -> Option<u64> {
        self.ran();
        of
    }

    fn life_of_some(of: &Option<u64>) -> Option<Duration> {
        of.filter(|&of| of != 7).map(Duration::from_secs)
    }
}

trait Names {
    async fn all(&self, of: u8) -> Vec<String>;
    fn one(&self, of: u8) -> Option<String>;
    fn other(&self, of: u8) -> Result<Option<String>, u8>;
    fn third(&self, of: u8) -> Option<String>;
    fn count(&self, of: u8) -> usize;
}

#[cache_impl(wrapper = CachedShop, cache_none = false, ttl = "1h")]
impl Names for Shop {
    #[cache(cache_if = rules::are_all)]
    async fn all(&self, of: u8) -> Vec<String> {
        self.ran();
        vec![String::new(); of.into()]
    }
    fn one(&self, of: u8) -> Option<String> {
        self.ran();
        (of > 0).then(String::new)
    }
    #[cache(cache_none = true)]
    fn other(&self, of: u8) -> Result<Option<String>, u8> {
        self.ran();
        Ok((of > 0).then(String::new))
    }
    #[cache(ttl_none = "3s")]
    fn third(&self, of: u8) -> Option<String> {
        self.ran();
        (of > 0).then(String::new)
    }
    fn count(&self, of: u8) -> usize {
        self.ran();
        of.into()
    }
}

/// One body for the memory store and every server.
async fn everywhere<F: Future<Output = ()>>(test: impl Fn(CacheBuilder) -> F) {
    test(Cache::builder(unique("conditional")).memory()).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        test(
            Cache::builder(unique("conditional"))
                .redis(server.url())
                .deadline(PATIENT),
        )
        .await;
        check_pairs(&server);
    }
}

/// The clock of the entries stands still, unless a test moves it.
fn build(builder: CacheBuilder) -> (Cache, CachedShop, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let cache = builder
        .manual_clock(clock.clone())
        .structure_ttl(StructureTtl::Never)
        .deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let shop = Shop::default().cached(&cache);
    (cache, shop, clock)
}

fn runs(shop: &CachedShop) -> u64 {
    CachedShop::inner(shop).runs.swap(0, Ordering::SeqCst)
}

/// What an entry has left to live, in seconds.
fn seconds(ttl: Result<Option<Duration>, Error>) -> Option<u64> {
    ttl.unwrap().map(|left| left.as_secs())
}

#[tokio::test]
async fn a_none_is_stored_unless_cache_none_is_false() {
    everywhere(|builder| async move {
        let (_cache, shop, _) = build(builder);
        for _ in 0..2 {
            assert_eq!(shop.plain(0).await, None);
        }
        assert_eq!(runs(&shop), 1);
        assert_eq!(shop.entry().plain(0).peek().await.unwrap(), Some(None));
        for _ in 0..2 {
            assert_eq!(
                (shop.aliased(0).await, shop.aliased(1).await),
                (None, Some(1))
            );
        }
        assert_eq!(runs(&shop), 3, "`None` twice, `Some` once");
        assert_eq!(shop.entry().aliased(0).peek().await.unwrap(), None);
        for _ in 0..2 {
            assert_eq!(shop.fallible(0).await, Ok(None));
            assert_eq!(shop.fallible(1).await, Ok(Some(1)));
        }
        assert_eq!(runs(&shop), 3);
    })
    .await;
}

#[tokio::test]
async fn cache_none_of_a_block_applies_to_its_methods_that_return_options() {
    everywhere(|builder| async move {
        let (_cache, shop, _) = build(builder);
        for _ in 0..2 {
            assert_eq!((shop.one(0), shop.one(1)), (None, Some(String::new())));
        }
        assert_eq!(runs(&shop), 3, "as the block says");
        for _ in 0..2 {
            assert_eq!(
                (shop.other(0), shop.third(0), shop.count(0)),
                (Ok(None), None, 0)
            );
        }
        assert_eq!(runs(&shop), 3, "as the methods say");
        assert_eq!(seconds(shop.entry().other(0).ttl()), Some(3600));
        assert_eq!(seconds(shop.entry().third(0).ttl()), Some(3));
    })
    .await;
}

#[tokio::test]
async fn a_none_has_a_ttl_of_its_own() {
    everywhere(|builder| async move {
        let (_cache, shop, clock) = build(builder);
        let both = async || (shop.briefly_none(0).await, shop.briefly_none(1).await);
        assert_eq!(both().await, (Ok(None), Ok(Some(1))));
        clock.fetch_add(9_999_000, Ordering::SeqCst);
        assert_eq!(both().await, (Ok(None), Ok(Some(1))));
        assert_eq!(runs(&shop), 2);
        clock.fetch_add(1_000, Ordering::SeqCst);
        assert_eq!(shop.entry().briefly_none(0).peek().await.unwrap(), None);
        assert_eq!(both().await, (Ok(None), Ok(Some(1))));
        assert_eq!(runs(&shop), 1, "`Some` still lives");
    })
    .await;
}

#[tokio::test]
async fn a_value_that_cache_if_refuses_is_returned_and_not_stored() {
    everywhere(|builder| async move {
        let (cache, shop, _) = build(builder);
        for _ in 0..2 {
            assert_eq!(shop.page(1).await, Ok(Page::of(1)));
            assert_eq!(shop.page(2).await, Ok(Page::of(2)));
        }
        assert_eq!(runs(&shop), 3);
        for _ in 0..2 {
            assert_eq!(
                (shop.short("ab"), shop.short("abc")),
                ("ab".into(), "abc".into())
            );
        }
        assert_eq!(runs(&shop), 3);
        for _ in 0..2 {
            assert_eq!((shop.all(1).await.len(), shop.all(2).await.len()), (1, 2));
        }
        assert_eq!(runs(&shop), 3);
        assert_eq!((cache.stats().write, cache.stats().error), (3, 0));
        assert_eq!(cache.len().await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn ttl_fn_sets_the_ttl_of_a_value() {
    everywhere(|builder| async move {
        let (_cache, shop, _) = build(builder);
        for life in [40, 80] {
            shop.timed(life).await;
            let left = seconds(shop.entry().timed(life).ttl().await);
            assert_eq!(left, Some(life));
        }
        runs(&shop);
        for _ in 0..2 {
            assert_eq!(shop.timed(0).await, Page::of(0));
        }
        assert_eq!(runs(&shop), 2, "for no time at all is not stored");
        shop.timed(u64::MAX).await;
        let most = 36_500 * 86_400;
        assert_eq!(
            seconds(shop.entry().timed(u64::MAX).ttl().await),
            Some(most)
        );
    })
    .await;
}

#[tokio::test]
async fn cache_if_precedes_ttl_none_which_precedes_ttl_fn() {
    everywhere(|builder| async move {
        let (_cache, shop, _) = build(builder);
        for (id, of, left) in [(1, None, 5), (2, Some(30), 30), (3, Some(7), 3600)] {
            assert_eq!(shop.conditional(of, id).await, of);
            assert_eq!(
                seconds(shop.entry().conditional(id).ttl().await),
                Some(left),
                "{of:?}"
            );
        }
        for (id, of, left) in [
            (1, None, Some(5)),
            (2, Some(1), Some(3600)),
            (3, Some(-1), None),
        ] {
            assert_eq!(shop.number(of, id), of);
            assert_eq!(seconds(shop.entry().number(id).ttl()), left, "{of:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn followers_share_a_value_that_is_not_stored() {
    everywhere(|builder| async move {
        let (cache, shop, _) = build(builder);
        let all_wait = async {
            while cache.stats().miss < 50 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            CachedShop::inner(&shop).gate.notify_one();
        };
        let (pages, ()) = join(join_all((0..50).map(|_| shop.held(1))), all_wait).await;
        assert!(pages.iter().all(|page| *page == Page::of(1)));
        assert_eq!((runs(&shop), cache.stats().coalesced), (1, 49));
        assert_eq!(shop.entry().held(1).peek().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn refresh_obeys_cache_if_and_put_does_not() {
    everywhere(|builder| async move {
        let (_cache, shop, _) = build(builder);
        let entry = || shop.entry();
        assert_eq!(entry().page(1).refresh().await, Ok(Page::of(1)));
        assert_eq!(entry().page(1).peek().await.unwrap(), None);
        assert_eq!(entry().page(2).refresh().await, Ok(Page::of(2)));
        assert!(entry().page(2).peek().await.unwrap().is_some());

        assert_eq!(entry().short("abc").refresh(), "abc");
        assert_eq!(entry().short("abc").peek().unwrap(), None);
        assert_eq!(entry().number(1).refresh(Some(-1)), Some(-1));
        assert_eq!(entry().number(1).peek().unwrap(), None);
        assert_eq!(entry().conditional(1).refresh(Some(30)).await, Some(30));
        assert_eq!(seconds(entry().conditional(1).ttl().await), Some(30));
        assert_eq!(entry().conditional(1).refresh(None).await, None);
        assert_eq!(seconds(entry().conditional(1).ttl().await), Some(5));
        assert_eq!(entry().timed(90).refresh().await, Page::of(90));
        assert_eq!(seconds(entry().timed(90).ttl().await), Some(90));
        assert_eq!(entry().all(1).refresh().await.len(), 1);
        assert_eq!(entry().all(1).peek().await.unwrap(), None);
        assert_eq!(entry().one(0).refresh(), None);
        assert_eq!(entry().one(0).peek().unwrap(), None);

        entry().page(1).put(&Page::of(1)).await.unwrap();
        entry().one(0).put(&None).unwrap();
        assert_eq!(entry().page(1).peek().await.unwrap(), Some(Page::of(1)));
        assert_eq!(
            (shop.one(0), entry().one(0).peek().unwrap()),
            (None, Some(None))
        );
    })
    .await;
}
