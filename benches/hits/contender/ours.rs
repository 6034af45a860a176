//! This library.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _, CachedFunction, cache_impl};

use crate::load::{BlockingContender, Contender};
use crate::support::Product;

/// Where values come from when they are not cached: at once.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub runs: Arc<AtomicU64>,
}

#[derive(Debug)]
pub struct Absent;

#[cache_impl]
impl Source {
    pub async fn find(&self, id: u64) -> Result<Product, Absent> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(Product::new(id))
    }

    /// Shares its entries with `find`.
    #[cache(batch = ids, shares = find)]
    pub async fn find_many(&self, ids: &[u64]) -> Result<HashMap<u64, Product>, Absent> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(ids.iter().map(|&id| (id, Product::new(id))).collect())
    }

    pub fn find_blocking(&self, id: u64) -> Product {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Product::new(id)
    }

    /// 1 MiB.
    pub async fn document(&self, _id: u64) -> Result<String, Absent> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok("x".repeat(1 << 20))
    }
}

#[derive(Clone)]
pub struct Ours(Arc<CachedSource>);

impl Ours {
    pub fn of(source: &Source, cache: &Cache) -> Self {
        Self(Arc::new(source.clone().cached(cache)))
    }

    pub fn new(cache: &Cache) -> Self {
        Self::of(&Source::default(), cache)
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

#[derive(Clone)]
pub struct BlockingOurs(Ours);

impl BlockingOurs {
    pub fn of(source: &Source, cache: &Cache) -> Self {
        Self(Ours::of(source, cache))
    }
}

impl BlockingContender for BlockingOurs {
    fn call(&mut self, key: u64) {
        black_box(self.0.0.find_blocking(key));
    }
}

/// Several functions, each with a pair of its own, which lie on different nodes of a cluster.
#[derive(Clone)]
pub struct Functions {
    functions: Arc<[CachedFunction]>,
    source: Source,
}

impl Functions {
    const COUNT: u64 = 12;

    pub fn of(source: &Source, cache: &Cache) -> Self {
        let function = |number| {
            let function = cache.function(format!("products-{number}"));
            function.multiple().cluster().build().unwrap()
        };
        Self {
            functions: (0..Self::COUNT).map(function).collect(),
            source: source.clone(),
        }
    }
}

impl Contender for Functions {
    async fn call(&mut self, key: u64) {
        let function = &self.functions[(key % Self::COUNT) as usize];
        let found = function.try_get_with(&key, || self.source.find(key)).await;
        black_box(found.unwrap());
    }
}
