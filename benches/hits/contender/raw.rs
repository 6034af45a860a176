//! The redis crate, as in a hand-written cache. It decodes nothing: the bytes are the answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, Cmd, Connection};

use super::Source;
use crate::load::{BlockingContender, Contender, STORED};

/// One plain key for each value.
#[derive(Clone)]
pub struct Plain<C> {
    connection: C,
    keys: Keys,
    ttl: Option<Duration>,
    source: Source,
}

/// Made in advance, so that a hit is the request and nothing else.
#[derive(Debug, Clone)]
struct Keys(Arc<[String]>);

impl Keys {
    fn new() -> Self {
        Self((0..STORED).map(|key| format!("product:{key}")).collect())
    }

    fn of(&self, key: u64) -> String {
        let ready = usize::try_from(key).ok().and_then(|key| self.0.get(key));
        ready.map_or_else(|| format!("product:{key}"), String::clone)
    }
}

/// `SET`, with `PX` where there is a TTL.
fn set(name: &str, value: Vec<u8>, ttl: Option<Duration>) -> Cmd {
    let mut set = Cmd::set(name, value);
    if let Some(ttl) = ttl {
        set.arg("PX").arg(ttl.as_millis() as u64);
    }
    set
}

pub async fn connect(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

impl<C> Plain<C> {
    pub fn new(connection: C, ttl: Option<Duration>, source: &Source) -> Self {
        Self {
            connection,
            keys: Keys::new(),
            ttl,
            source: source.clone(),
        }
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Contender for Plain<C> {
    async fn call(&mut self, key: u64) {
        let name = self.keys.of(key);
        let get = Cmd::get(&name);
        let found: Option<Vec<u8>> = get.query_async(&mut self.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.source.find(key).await.unwrap().to_bytes();
            let set = set(&name, value, self.ttl);
            set.exec_async(&mut self.connection).await.unwrap();
        }
    }

    async fn large(&mut self) {
        let get = Cmd::get("document");
        let found: Option<Vec<u8>> = get.query_async(&mut self.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.source.document(0).await.unwrap();
            let set = set("document", value.into_bytes(), self.ttl);
            set.exec_async(&mut self.connection).await.unwrap();
        }
    }
}

/// One hash for all values, whose fields have no TTL.
#[derive(Clone)]
pub struct Hash<C>(pub Plain<C>);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Contender for Hash<C> {
    async fn call(&mut self, key: u64) {
        let name = self.0.keys.of(key);
        let get = Cmd::hget("products", &name);
        let found: Option<Vec<u8>> = get.query_async(&mut self.0.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.0.source.find(key).await.unwrap().to_bytes();
            let set = Cmd::hset("products", &name, value);
            set.exec_async(&mut self.0.connection).await.unwrap();
        }
    }

    async fn large(&mut self) {
        let get = Cmd::hget("products", "document");
        let found: Option<Vec<u8>> = get.query_async(&mut self.0.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.0.source.document(0).await.unwrap();
            let set = Cmd::hset("products", "document", value);
            set.exec_async(&mut self.0.connection).await.unwrap();
        }
    }
}

/// A thread with a connection of its own, which is the fastest that the crate has for threads.
pub struct BlockingPlain {
    connection: Connection,
    keys: Keys,
    source: Source,
}

impl BlockingPlain {
    pub fn connect(url: &str, source: &Source) -> Self {
        Self {
            connection: Client::open(url).unwrap().get_connection().unwrap(),
            keys: Keys::new(),
            source: source.clone(),
        }
    }
}

impl BlockingContender for BlockingPlain {
    fn call(&mut self, key: u64) {
        let name = self.keys.of(key);
        let found: Option<Vec<u8>> = Cmd::get(&name).query(&mut self.connection).unwrap();
        if black_box(found).is_none() {
            let value = self.source.find_blocking(key).to_bytes();
            Cmd::set(&name, value).exec(&mut self.connection).unwrap();
        }
    }
}
