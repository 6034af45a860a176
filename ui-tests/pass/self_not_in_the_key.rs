#![deny(warnings)]
//! Fields of `self` that a cached method may use without a word: handles, and what is called. And the
//! words for those that it may not.

use std::collections::HashMap;
use std::sync::Mutex;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(Clone, Default)]
struct Client;

impl Client {
    async fn get(&self, path: &str) -> String {
        path.to_owned()
    }
}

async fn fetch(client: &Client, path: &str) -> String {
    client.get(path).await
}

#[derive(Default)]
pub struct Handles {
    db: Client,
    http_client: Client,
    state: Client,
    names: Mutex<HashMap<u8, String>>,
}

#[cache_impl]
impl Handles {
    pub async fn find(&self, id: u8) -> String {
        let (db, client) = (self.db.clone(), &self.http_client);
        let called = self.state.get("c").await;
        let named = self.names.lock().unwrap().get(&id).cloned();
        let Self { http_client, state, .. } = self;
        let path = format!("{called}{named:?}{}", state.get("d").await);
        fetch(&db, "a").await + &fetch(client, "b").await + &fetch(http_client, &path).await
    }
}

#[derive(Default)]
pub struct Said {
    owner: String,
}

#[cache_impl(self_key = ())]
impl Said {
    pub fn find(&self, id: u8) -> String {
        format!("{}{id}", self.owner)
    }

    #[nocache]
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

#[cache_impl(extend)]
impl Said {
    pub fn joined(&self) -> String {
        self.owner.clone()
    }
}

#[derive(Default)]
pub struct Keyed {
    owner: String,
    config: (u8, u8),
}

#[cache_impl(self_key = (&self.owner, &self.config.1))]
impl Keyed {
    pub fn find(&self) -> String {
        format!("{}{}", self.owner, self.config.1)
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let handles = Handles::default().cached(&cache);
    assert_eq!(handles.find(1).await, "abcNoned");
    // `()` says that all instances have the same answers, and nothing else: no part of the key.
    let said = |owner: &str| Said { owner: owner.to_owned() }.cached(&cache);
    assert_eq!((said("a").find(1), said("b").find(1)), ("a1".to_owned(), "a1".to_owned()));
    assert_eq!((said("a").joined(), said("b").joined()), ("a".to_owned(), "a".to_owned()));
    let keyed = |owner: &str, config| Keyed { owner: owner.to_owned(), config }.cached(&cache);
    assert_eq!(keyed("a", (1, 2)).find(), "a2");
    assert_eq!(keyed("b", (1, 2)).find(), "b2");
    assert_eq!(keyed("b", (1, 3)).find(), "b3");
}
