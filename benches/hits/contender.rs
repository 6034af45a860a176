//! Who is compared.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cached::{AsyncRedisCache, ConcurrentCachedAsync as _, SerializeCachedAsync as _};
use redis::aio::MultiplexedConnection;
use redis_func_cache::{Cache, CacheExt as _, Policy, Touch, cache_impl};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::load::{Calls, Contender, Load, STORED, Scenario};
use crate::support::{Product, Server};

pub const NAMES: [&str; 8] = [
    "get", "hget", "cached", "lru_t", "fifo", "lfu", "exact", "memory",
];

/// How the titles of this crate's contenders begin.
pub const CRATE: &str = "redis-func-cache";

/// The name under which results, tables and plots show a contender.
pub fn title(name: &str) -> &'static str {
    match name {
        "get" => "raw GET",
        "hget" => "raw HGET",
        "cached" => "cached 4.1",
        "lru_t" => "redis-func-cache, lru_t",
        "fifo" => "redis-func-cache, fifo",
        "lfu" => "redis-func-cache, lfu",
        "exact" => "redis-func-cache, touch = exact",
        "memory" => "redis-func-cache, memory store",
        _ => unreachable!("{name} is not in NAMES"),
    }
}

type Running = Pin<Box<dyn Future<Output = Calls>>>;

/// A contender behind a closure, connected.
pub struct Entrant {
    pub name: &'static str,
    /// How its keys on the server begin.
    pub prefix: String,
    /// How often the method has run.
    pub runs: Arc<AtomicU64>,
    run: Box<dyn Fn(Load) -> Running>,
}

impl Entrant {
    fn new<C: Contender>(name: &'static str, prefix: &str, source: &Source, contender: C) -> Self {
        Self {
            name,
            prefix: prefix.to_owned(),
            runs: source.runs.clone(),
            run: Box::new(move |load| Box::pin(crate::load::run(contender.clone(), load))),
        }
    }

    pub async fn run(&self, load: Load) -> Calls {
        (self.run)(load).await
    }

    /// Connects a contender and stores what will be asked for.
    pub async fn enter(name: &'static str, scenario: Scenario, server: &Server) -> Self {
        let source = Source::default();
        match name {
            "get" => {
                let contender = Plain::connect(server, &source).await;
                fill(&contender, scenario).await;
                Self::new(name, "product:", &source, contender)
            }
            "hget" => {
                let contender = Hash(Plain::connect(server, &source).await);
                fill(&contender, scenario).await;
                Self::new(name, "products", &source, contender)
            }
            "cached" => {
                let contender = Peer::connect(server, &source).await;
                fill(&contender, scenario).await;
                Self::new(name, "cached-redis-store:", &source, contender)
            }
            _ => {
                let (policy, touch) = match name {
                    "fifo" => (Policy::Fifo, Touch::default()),
                    "lfu" => (Policy::Lfu, Touch::default()),
                    "exact" => (Policy::LruT, Touch::Exact),
                    _ => (Policy::LruT, Touch::default()),
                };
                let mut builder = Cache::builder(name)
                    .policy(policy)
                    .touch(touch)
                    .maxsize(scenario.maxsize())
                    .max_entry_bytes(2 << 20);
                if name != "memory" {
                    builder = builder.redis(server.url());
                }
                let contender = Ours(source.clone().cached(&builder.build().unwrap()));
                fill(&contender, scenario).await;
                Self::new(name, &format!("func-cache:{name}:"), &source, contender)
            }
        }
    }
}

async fn fill<C: Contender>(contender: &C, scenario: Scenario) {
    if scenario == Scenario::Large {
        contender.clone().large().await;
    }
    let fill = |part: u64| {
        let mut contender = contender.clone();
        tokio::spawn(async move {
            for key in (part..u64::from(STORED)).step_by(16) {
                contender.call(key).await;
            }
        })
    };
    for part in (0..16).map(fill).collect::<Vec<_>>() {
        part.await.unwrap();
    }
}

/// Where values come from when they are not cached: at once.
#[derive(Debug, Clone, Default)]
struct Source {
    runs: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Absent;

#[cache_impl]
impl Source {
    async fn find(&self, id: u64) -> Result<Product, Absent> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(Product::new(id))
    }

    /// 1 MiB.
    async fn document(&self, _id: u64) -> Result<String, Absent> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok("x".repeat(1 << 20))
    }
}

#[derive(Clone)]
pub struct Ours(CachedSource);

impl Ours {
    pub fn new(cache: &Cache) -> Self {
        Self(Source::default().cached(cache))
    }
}

impl Contender for Ours {
    async fn call(&mut self, key: u64) {
        black_box(self.0.find(key).await.unwrap());
    }

    async fn large(&mut self) {
        black_box(self.0.document(0).await.unwrap());
    }
}

/// One plain key for each value, as in a hand-written cache. Decodes nothing: the bytes are the answer.
#[derive(Clone)]
struct Plain {
    connection: MultiplexedConnection,
    /// Made in advance, so that a hit is the request and nothing else.
    keys: Arc<[String]>,
    source: Source,
}

impl Plain {
    async fn connect(server: &Server, source: &Source) -> Self {
        Self {
            connection: connect(server).await,
            keys: (0..STORED).map(|key| format!("product:{key}")).collect(),
            source: source.clone(),
        }
    }

    fn key(&self, key: u64) -> String {
        let ready = usize::try_from(key).ok().and_then(|key| self.keys.get(key));
        ready.map_or_else(|| format!("product:{key}"), String::clone)
    }
}

impl Contender for Plain {
    async fn call(&mut self, key: u64) {
        let name = self.key(key);
        let get = redis::Cmd::get(&name);
        let found: Option<Vec<u8>> = get.query_async(&mut self.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.source.find(key).await.unwrap().to_bytes();
            let set = redis::Cmd::set(&name, value);
            set.exec_async(&mut self.connection).await.unwrap();
        }
    }

    async fn large(&mut self) {
        let get = redis::Cmd::get("document");
        let found: Option<Vec<u8>> = get.query_async(&mut self.connection).await.unwrap();
        if black_box(found).is_none() {
            let set = redis::Cmd::set("document", self.source.document(0).await.unwrap());
            set.exec_async(&mut self.connection).await.unwrap();
        }
    }
}

/// One hash for all values.
#[derive(Clone)]
struct Hash(Plain);

impl Contender for Hash {
    async fn call(&mut self, key: u64) {
        let name = self.0.key(key);
        let get = redis::Cmd::hget("products", &name);
        let found: Option<Vec<u8>> = get.query_async(&mut self.0.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.0.source.find(key).await.unwrap().to_bytes();
            let set = redis::Cmd::hset("products", &name, value);
            set.exec_async(&mut self.0.connection).await.unwrap();
        }
    }

    async fn large(&mut self) {
        let get = redis::Cmd::hget("products", "document");
        let found: Option<Vec<u8>> = get.query_async(&mut self.0.connection).await.unwrap();
        if black_box(found).is_none() {
            let value = self.0.source.document(0).await.unwrap();
            let set = redis::Cmd::hset("products", "document", value);
            set.exec_async(&mut self.0.connection).await.unwrap();
        }
    }
}

/// The crate `cached`, by its own calls and not by its macro: the fewest requests it can do with.
#[derive(Clone)]
struct Peer {
    cache: Arc<AsyncRedisCache<u64, Product>>,
    /// A connection of its own, as each function has that uses the macro.
    documents: Arc<AsyncRedisCache<u64, String>>,
    source: Source,
}

impl Peer {
    async fn connect(server: &Server, source: &Source) -> Self {
        Self {
            cache: Arc::new(Self::open("products", server).await),
            documents: Arc::new(Self::open("documents", server).await),
            source: source.clone(),
        }
    }

    async fn open<T: Serialize + DeserializeOwned + Send>(
        prefix: &str,
        server: &Server,
    ) -> AsyncRedisCache<u64, T> {
        let cache = AsyncRedisCache::builder(prefix).connection_string(&server.url());
        cache.build().await.unwrap()
    }
}

impl Contender for Peer {
    async fn call(&mut self, key: u64) {
        let found = self.cache.async_cache_get(&key).await.unwrap();
        if black_box(found).is_none() {
            let value = self.source.find(key).await.unwrap();
            self.cache.async_cache_set_ref(&key, &value).await.unwrap();
        }
    }

    async fn large(&mut self) {
        let found = self.documents.async_cache_get(&0).await.unwrap();
        if black_box(found).is_none() {
            let value = self.source.document(0).await.unwrap();
            self.documents
                .async_cache_set_ref(&0, &value)
                .await
                .unwrap();
        }
    }
}

async fn connect(server: &Server) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}
