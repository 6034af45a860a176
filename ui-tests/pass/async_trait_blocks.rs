#![deny(warnings)]

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(Debug)]
pub struct DbError;

#[async_trait]
pub trait Users: Send + Sync {
    async fn find(&self, id: u64) -> Result<String, DbError>;
    async fn search(&self, ctx: &str, term: &str) -> Vec<String>;
    async fn rename(&self, id: u64) -> Result<(), DbError>;
    fn limit(&self) -> usize;
    async fn count(&self) -> usize {
        self.search("", "default").await.len()
    }
}

struct Db;

#[cache_impl(ttl = "5m", self_key = ())]
#[async_trait]
impl Users for Db {
    async fn find(&self, id: u64) -> Result<String, DbError> {
        (id > 0).then(|| format!("user {id}")).ok_or(DbError)
    }
    async fn search(&self, #[cache_skip] ctx: &str, term: &str) -> Vec<String> {
        vec![ctx.to_owned(), term.to_owned()]
    }
    #[nocache]
    #[invalidates(find(id), search(..))]
    async fn rename(&self, id: u64) -> Result<(), DbError> {
        (id > 0).then_some(()).ok_or(DbError)
    }
    fn limit(&self) -> usize {
        3
    }
}

#[async_trait(?Send)]
trait Local {
    async fn find(&self, id: u64) -> u64;
}

struct Thread(Rc<u64>);

#[cache_impl(self_key = ())]
#[async_trait(?Send)]
impl Local for Thread {
    async fn find(&self, id: u64) -> u64 {
        let by = Rc::clone(&self.0);
        std::future::ready(()).await;
        id + *by
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let wrapper = Db.cached(&cache);
    let users: Arc<dyn Users> = Arc::new(wrapper.clone());
    for _ in 0..2 {
        assert_eq!(is_send(users.find(1)).await.unwrap(), "user 1");
        assert_eq!(is_send(users.search("a", "b")).await, ["a", "b"]);
        assert_eq!((users.limit(), users.count().await), (3, 2));
        users.find(0).await.unwrap_err();
    }
    assert_eq!(cache.stats().hit, 4);
    assert!(
        is_send(wrapper.entry().find(1).peek())
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        is_send(wrapper.entry().search("x").refresh("y")).await,
        ["y", "x"]
    );
    assert_eq!(
        is_send(wrapper.entry().find(2).refresh()).await.unwrap(),
        "user 2"
    );
    is_send(users.rename(1)).await.unwrap();
    assert!(wrapper.entry().find(1).peek().await.unwrap().is_none());
    assert!(wrapper.entry().find(2).peek().await.unwrap().is_some());

    let local: Box<dyn Local> = Box::new(Thread(Rc::new(1)).cached(&cache));
    assert_eq!((local.find(1).await, local.find(1).await), (2, 2));
}
