#![deny(warnings)]
//! Labels of arguments of all kinds, on every kind of method.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use redis_func_cache::{Cache, CacheExt as _, cache_fn, cache_impl};
use serde::Serialize;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("shop").build().unwrap());

#[derive(Clone, Serialize)]
struct Path<T>(T);

#[derive(Clone)]
struct Repo;

#[cache_impl(ttl = "1h")]
impl Repo {
    #[cache(label = "{tenant}/{id:>width$} {{}} {type}{type}")]
    async fn find(&self, tenant: &str, id: u64, width: usize, r#type: u8) -> Option<u64> {
        let _ = (tenant, width, r#type);
        Some(id)
    }

    #[cache(label = "all users")]
    async fn all(&self) -> u64 {
        7
    }

    #[cache(label = "{user} {pages:?}")]
    async fn page(&self, Path(user): Path<String>, pages: (u64, u64), #[cache_skip] db: String) -> Result<u64, String> {
        user.parse::<u64>().map(|user| user + pages.0).map_err(|_| db)
    }

    #[cache(label = "{name}/{more}")]
    fn by_name(&self, name: impl Into<String>, #[cache_key(more.len())] more: &str) -> String {
        name.into() + more
    }

    #[cache(label = "{a} {b}")]
    fn later<'a>(&self, a: String, b: &'a u64) -> impl Future<Output = String> + Send + use<'a> {
        async move { format!("{a}{b}") }
    }

    #[cache(label = "{name}", stale = "1h")]
    async fn stale(&self, name: &str) -> String {
        name.to_owned()
    }

    #[cache(label = "{id}", early = 0.5)]
    fn early(&self, id: u64) -> u64 {
        id
    }

    #[cache(batch = ids, label = "{ids}/{tenant}")]
    async fn find_many(&self, ids: &[u64], tenant: String) -> HashMap<u64, String> {
        ids.iter().map(|&id| (id, tenant.clone())).collect()
    }

    #[cache(batch = ids, label = "{ids}")]
    fn names_of(&self, ids: Vec<String>) -> Vec<String> {
        ids
    }

    #[nocache]
    #[invalidates(find(tenant, 1, 2, 3))]
    async fn forget(&self, tenant: &str) -> u64 {
        tenant.len() as u64
    }
}

#[async_trait]
trait Store {
    async fn load(&self, id: u64) -> u64;
    async fn text(&self, text: String) -> String;
}

struct Db;

#[cache_impl]
#[async_trait]
impl Store for Db {
    #[cache(label = "{id:#x}")]
    async fn load(&self, id: u64) -> u64 {
        id
    }

    #[cache(label = "{text}")]
    async fn text(&self, text: String) -> String {
        text
    }
}

trait Load {
    async fn load(&self, key: String) -> String;
    fn now(&self, key: String) -> String;
}

struct Here;

#[cache_impl(cache = CACHE, self_key = ())]
impl Load for Here {
    #[cache(label = "{key}")]
    async fn load(&self, key: String) -> String {
        key
    }

    #[cache(label = "{key}")]
    fn now(&self, key: String) -> String {
        key
    }
}

struct Users;

#[cache_impl(cache = CACHE)]
impl Users {
    #[cache(label = "{id}")]
    async fn by_id(id: String) -> Result<String, String> {
        Ok(id)
    }
}

#[cache_fn(cache = CACHE, label = "{code}")]
fn rate(#[cache_skip] db: &str, code: &str) -> String {
    format!("{db}{code}")
}

macro_rules! cached {
    ($name:ident, $argument:ident) => {
        #[cache_fn(cache = CACHE, label = "{x} {id}")]
        async fn $name(x: u64, $argument: u64) -> u64 {
            x + $argument
        }
    };
}
cached!(made, id);

pub(crate) fn main() {
    pollster::block_on(async {
        let repo = Repo.cached(&CACHE);
        repo.find("a", 1, 2, 3).await;
        let inspected = repo.entry().find("a", 1, 2, 3).inspect().await.unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("a/ 1 {} 33"));
        repo.all().await;
        repo.page(Path("7".to_owned()), (1, 2), String::new()).await.unwrap();
        let inspected = repo.entry().page(Path("7".to_owned()), (1, 2)).inspect().await.unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("7 (1, 2)"));
        repo.by_name("x", "yz");
        let inspected = repo.entry().by_name("x", "yz").inspect().unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("x/yz"));
        repo.later("x".to_owned(), &2).await;
        repo.stale("x").await;
        let inspected = repo.entry().stale("x").inspect().await.unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("x"));
        repo.early(1);
        repo.find_many(&[1, 2], "t".to_owned()).await;
        repo.names_of(vec!["a".to_owned()]);
        let inspected = repo.entry().names_of("a".to_owned()).inspect().unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("a"));
        repo.forget("a").await;
        let db = Db.cached(&CACHE);
        db.load(255).await;
        let inspected = db.entry().load(255).inspect().await.unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("0xff"));
        db.text("x".to_owned()).await;
        Here.load("x".to_owned()).await;
        let inspected = CachedHere::entry_of(&Here).load("x".to_owned()).inspect().await.unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("x"));
        Here.now("x".to_owned());
        let inspected = CachedHere::entry_of(&Here).now("x".to_owned()).inspect().unwrap();
        assert_eq!(inspected.unwrap().label.as_deref(), Some("x"));
        Users::by_id("x".to_owned()).await.unwrap();
        rate("a", "b");
        made(1, 2).await;
    });
}
