#![deny(warnings)]
//! Errors of every kind of method, stored whole and as a mark.

use std::fmt::Display;
use std::rc::Rc;
use std::sync::LazyLock;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum DbError {
    Missing(u64),
    Busy,
}

impl DbError {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

type DbResult<T> = Result<T, DbError>;
type Dynamic = Box<dyn std::error::Error + Send + Sync>;

fn is_any(_: &(dyn Display + Send + Sync)) -> bool {
    true
}

fn is_text(text: &str) -> bool {
    !text.is_empty()
}

fn gone() -> Dynamic {
    "gone".into()
}

struct Repo<E>(E);

#[cache_impl(ttl = "1h", self_key = ())]
impl<E: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static> Repo<E> {
    fn any(_: &E) -> bool {
        true
    }

    fn is_rc(_: &Rc<u64>) -> bool {
        true
    }

    #[cache(cache_err = Self::any, ttl_err = "10s")]
    async fn own(&self, of: u64) -> Result<u64, E> {
        if of > 0 { Ok(of) } else { Err(self.0.clone()) }
    }

    #[cache(cache_err = Self::any, ttl_err = "10s", err_value = E::default, stale = "1h")]
    async fn own_stale(&self, of: u64) -> Result<u64, E> {
        if of > 0 { Ok(of) } else { Err(self.0.clone()) }
    }

    #[cache(cache_err = is_text, ttl_err = "10s", cache_if = u64::is_power_of_two_or_any)]
    fn text(&self, of: u64) -> Result<u64, String> {
        if of > 0 { Ok(of) } else { Err("none".to_owned()) }
    }

    #[cache(cache_err = Self::is_rc, ttl_err = "10s", err_value = Rc::<u64>::default)]
    fn shared(&self, of: u64) -> Result<u64, Rc<u64>> {
        Err(Rc::new(of))
    }

    #[cache(cache_err = DbError::is_missing, ttl_err = "10s", cache_none = false)]
    fn later(&self, of: u64) -> impl Future<Output = DbResult<Option<u64>>> + Send {
        async move { if of > 0 { Ok(Some(of)) } else { Err(DbError::Missing(of)) } }
    }

    #[cache(cache_err = is_boxed, ttl_err = "10s", err_value = gone)]
    async fn dynamic(&self, #[cache_skip] why: &str, of: u64) -> Result<u64, Dynamic> {
        if of > 0 { Ok(of) } else { Err(why.into()) }
    }
}

fn is_boxed(error: &Dynamic) -> bool {
    is_any(error)
}

trait AnyNumber {
    fn is_power_of_two_or_any(&self) -> bool {
        true
    }
}

impl AnyNumber for u64 {}

#[async_trait]
trait Store {
    async fn load(&self, id: u64) -> DbResult<u64>;
}

struct Db;

#[cache_impl]
#[async_trait]
impl Store for Db {
    #[cache(cache_err = DbError::is_missing, ttl_err = "10s")]
    async fn load(&self, id: u64) -> DbResult<u64> {
        Err(if id > 0 { DbError::Missing(id) } else { DbError::Busy })
    }
}

struct Users;

#[cache_impl(cache = CACHE)]
impl Users {
    #[cache(cache_err = DbError::is_missing, ttl_err = "10s")]
    async fn by_id(id: u64) -> DbResult<u64> {
        Err(DbError::Missing(id))
    }
}

#[cache_fn(cache = CACHE, cache_err = DbError::is_missing, ttl_err = "10s", err_value = missing)]
fn rate(code: u64) -> DbResult<u64> {
    Err(DbError::Missing(code))
}

fn missing() -> DbError {
    DbError::Missing(0)
}

fn is_send<T: Send>(value: T) -> T {
    value
}

pub(crate) fn main() {
    pollster::block_on(async {
        let repo = Repo("own".to_owned()).cached(&CACHE);
        for _ in 0..2 {
            assert_eq!(is_send(repo.own(0)).await, Err("own".to_owned()));
            assert_eq!(repo.text(0), Err("none".to_owned()));
            assert_eq!(repo.later(0).await, Err(DbError::Missing(0)));
            assert_eq!(repo.later(1).await, Ok(Some(1)));
        }
        assert_eq!(is_send(repo.own_stale(0)).await, Err("own".to_owned()));
        assert_eq!(repo.own_stale(0).await, Err(String::new()));
        assert_eq!(repo.shared(3), Err(Rc::new(3)));
        assert_eq!(repo.shared(3), Err(Rc::new(0)));
        assert_eq!(is_send(repo.dynamic("lost", 0)).await.unwrap_err().to_string(), "lost");
        assert_eq!(repo.dynamic("lost", 0).await.unwrap_err().to_string(), "gone");
        let fresh = is_send(repo.entry().dynamic(0).refresh("again")).await;
        assert_eq!(fresh.unwrap_err().to_string(), "again");
        assert_eq!(repo.entry().own(0).refresh().await, Err("own".to_owned()));
        assert_eq!(repo.entry().shared(3).refresh(), Err(Rc::new(3)));
        assert_eq!(repo.entry().own(0).peek().await.unwrap(), None);

        let db = Db.cached(&CACHE);
        assert_eq!(db.load(7).await, Err(DbError::Missing(7)));
        assert_eq!(db.load(7).await, Err(DbError::Missing(7)));
        assert_eq!(Users::by_id(1).await, Err(DbError::Missing(1)));
        assert_eq!(Users::by_id(1).await, Err(DbError::Missing(1)));
        assert_eq!(rate(1), Err(DbError::Missing(1)));
        assert_eq!(rate(1), Err(DbError::Missing(0)));
    });
    let hits = CACHE.stats().hit;
    assert_eq!(hits, 10, "of all that was called twice");
}
