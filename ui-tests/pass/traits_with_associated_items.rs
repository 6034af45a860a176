#![deny(warnings)]

use std::fmt::Debug;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use serde::{Deserialize, Serialize};

trait Repository<Key>: Clone + Debug {
    const TABLE: &'static str;
    const KEYS: usize = 1;
    type Row: Debug + PartialEq;
    type Error: Debug;
    type Page<'a, T: 'a>
    where
        Self: 'a;
    fn version() -> u8;
    fn parse(text: &str) -> Result<u8, Self::Error>;
    async fn connect(to: u8) -> u8;
    async fn get(&self, key: Key) -> Result<Self::Row, Self::Error>;
    fn all(&self, keys: Vec<Key>) -> Vec<Self::Row>
    where
        Self: Sized;
    fn page<'a>(&'a self, of: &'a u8) -> Self::Page<'a, u8>;
    fn default_method(&self, key: Key) -> Vec<Self::Row> {
        self.all(vec![key])
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User(u64);

#[derive(Debug, Clone)]
struct Users;

#[cache_impl(self_key = ())]
impl Repository<u64> for Users {
    const TABLE: &'static str = "users";
    type Row = User;
    type Error = String;
    type Page<'a, T: 'a> = Option<&'a T>;
    fn version() -> u8 {
        3
    }
    fn parse(text: &str) -> Result<u8, Self::Error> {
        text.parse().map_err(|_| text.to_owned())
    }
    async fn connect(to: u8) -> u8 {
        to
    }
    async fn get(&self, key: u64) -> Result<Self::Row, Self::Error> {
        (key > 0).then_some(User(key)).ok_or("zero".to_owned())
    }
    fn all(&self, keys: Vec<u64>) -> Vec<Self::Row>
    where
        Self: Sized,
    {
        keys.into_iter().map(User).collect()
    }
    #[nocache]
    fn page<'a>(&'a self, of: &'a u8) -> Self::Page<'a, u8> {
        Some(of)
    }
}

/// The wrapper is not generic: `K` belongs to the trait.
trait Find<K> {
    async fn find(&self, key: K, by: &str) -> Result<u64, String>;
}

struct Generic<D>(D);

#[cache_impl(self_key = ())]
impl<K: Into<u64> + Serialize, D: Clone + Into<K>> Find<K> for Generic<D>
where
    K: Copy,
{
    async fn find(&self, key: K, #[cache_skip] by: &str) -> Result<u64, String> {
        let own: K = self.0.clone().into();
        Ok(key.into() + own.into() + by.len() as u64)
    }
}

async fn generic<R: Repository<u64>>(repository: R) {
    let copy = repository.clone();
    assert!(format!("{copy:?}").starts_with("CachedUsers"));
    assert_eq!(
        (R::TABLE, R::KEYS, R::version(), R::connect(2).await),
        ("users", 1, 3, 2)
    );
    assert_eq!(R::parse("7").unwrap(), 7);
    assert_eq!(copy.get(1).await.unwrap(), repository.get(1).await.unwrap());
    assert_eq!(copy.all(vec![1]), copy.default_method(1));
    let _ = copy.page(&1);
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let found: CachedGeneric<u8> = Generic(1u8).cached(&cache);
    assert_eq!(found.find(2u64, "").await.unwrap(), 3);
    assert_eq!(found.find(2u64, "abc").await.unwrap(), 3);
    assert_eq!(found.find(2u8, "a").await.unwrap(), 4);
    assert_eq!(found.entry().find(2u32).refresh("").await.unwrap(), 3);
    assert_eq!(found.entry().find(2u8).peek().await.unwrap(), Some(4));

    let users = Users.cached(&cache);
    generic(users.clone()).await;
    assert_eq!(cache.stats().hit, 3);
    assert_eq!(users.entry().get(1).peek().await.unwrap(), Some(User(1)));
    assert_eq!(users.entry().all(vec![1]).refresh(), [User(1)]);
    let sites: Vec<_> = cache.method_stats().into_keys().collect();
    assert!(
        sites
            .iter()
            .any(|site| site.ends_with("<Users as Repository<u64>>::get")),
        "{sites:?}"
    );
}
