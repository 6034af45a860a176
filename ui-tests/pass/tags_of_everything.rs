#![deny(warnings)]
//! Tags of arguments, of `self`, of values and of results, on every kind of method.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, Tags, cache_fn, cache_impl};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    user: u64,
}

fn tags_of_found(found: &Option<Order>) -> Tags {
    found.iter().fold(Tags::new(), |tags, order| tags.with("user", &order.user))
}

fn tags_of_all(orders: &[Order]) -> Tags {
    orders.iter().fold(Tags::new(), |tags, order| tags.with("order", &order.id))
}

struct Repo {
    tenant: String,
}

#[cache_impl(self_key = self.tenant, tags(tenant = self.tenant), ttl = "1h")]
impl Repo {
    #[cache(tags(user = user, r#type = "orders"))]
    async fn of_user(&self, user: u64) -> Result<Vec<Order>, String> {
        Ok(vec![Order { id: 1, user }])
    }

    #[cache(tags(order = id), tags_fn = tags_of_found, stale = "1h")]
    async fn find(&self, id: u64) -> Option<Order> {
        Some(Order { id, user: id + 1 })
    }

    #[cache(tags(name = name.trim()), ttl_none = "1s")]
    fn by_name(&self, name: &str) -> Option<Order> {
        name.parse().ok().map(|id| Order { id, user: 7 })
    }

    #[cache(tags(pair = (a, *b)))]
    fn later<'a>(&self, a: u64, b: &'a u64) -> impl Future<Output = u64> + Send + use<'a> {
        async move { a + b }
    }

    #[cache(tags_fn = tags_of_all, cache_if = is_any)]
    async fn page(&self, (from, to): (u64, u64)) -> Vec<Order> {
        (from..to).map(|id| Order { id, user: id }).collect()
    }

    #[cache(batch = ids, tags(order = ids))]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, Order> {
        ids.iter().map(|&id| (id, Order { id, user: id })).collect()
    }

    #[nocache]
    #[invalidates(tag(user = user), tag(tenant = self.tenant))]
    async fn forget(&self, user: u64) -> u64 {
        user
    }

    #[nocache]
    #[invalidates(tag(order = ok.id, user = ok.user), of_user(ok.user))]
    async fn store(&self, id: u64, user: u64) -> Result<Order, String> {
        Ok(Order { id, user })
    }

    #[nocache]
    #[invalidates(tag(name = (name, ok)))]
    fn rename(&self, name: String) -> u64 {
        name.len() as u64
    }
}

fn is_any(_: &[Order]) -> bool {
    true
}

#[async_trait]
trait Store {
    async fn load(&self, id: u64) -> u64;
}

struct Db;

#[cache_impl]
#[async_trait]
impl Store for Db {
    #[cache(tags(row = id))]
    async fn load(&self, id: u64) -> u64 {
        id
    }
}

struct Users;

#[cache_impl(cache = CACHE)]
impl Users {
    #[cache(tags(user = id))]
    async fn by_id(id: u64) -> Result<u64, String> {
        Ok(id)
    }

    #[nocache]
    #[invalidates(tag(user = id))]
    async fn drop_user(id: u64) {
        let _ = id;
    }
}

#[cache_fn(cache = CACHE, tags(code = code))]
fn rate(code: &str) -> usize {
    code.len()
}

pub(crate) fn main() {
    pollster::block_on(async {
        let repo = Repo { tenant: "a".to_owned() }.cached(&CACHE);
        repo.of_user(1).await.unwrap();
        repo.find(1).await;
        repo.by_name(" 3");
        repo.later(1, &2).await;
        repo.page((1, 3)).await;
        repo.find_many(&[1, 2]).await;
        assert!(repo.entry().of_user(1).peek().await.unwrap().is_some());
        repo.forget(1).await;
        assert_eq!(repo.entry().of_user(1).peek().await.unwrap(), None);
        repo.find_many(&[1, 2]).await;
        repo.store(2, 9).await.unwrap();
        assert!(repo.entry().find_many(1).peek().await.unwrap().is_some());
        assert_eq!(repo.entry().find_many(2).peek().await.unwrap(), None);
        repo.rename("x".to_owned());
        Db.cached(&CACHE).load(1).await;
        Users::by_id(1).await.unwrap();
        Users::drop_user(1).await;
        assert_eq!(CachedUsers::entry().by_id(1).peek().await.unwrap(), None);
        rate("EUR");
        CACHE.tag("code", "EUR").invalidate().await.unwrap();
        assert_eq!(rate::entry("EUR").peek().unwrap(), None);
    });
}
