//! The crate `cached`, by its own calls and not by its macro: the fewest requests it can do with.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cached::{AsyncRedisCache, ConcurrentCachedAsync as _, SerializeCachedAsync as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Source;
use crate::load::Contender;
use crate::support::Product;

#[derive(Clone)]
pub struct Peer {
    cache: Arc<AsyncRedisCache<u64, Product>>,
    /// A connection of its own, as each function has that uses the macro.
    documents: Arc<AsyncRedisCache<u64, String>>,
    source: Source,
}

impl Peer {
    pub async fn connect(url: &str, ttl: Option<Duration>, source: &Source) -> Self {
        Self {
            cache: Arc::new(open("products", url, ttl).await),
            documents: Arc::new(open("documents", url, ttl).await),
            source: source.clone(),
        }
    }
}

async fn open<T: Serialize + DeserializeOwned + Send>(
    prefix: &str,
    url: &str,
    ttl: Option<Duration>,
) -> AsyncRedisCache<u64, T> {
    let mut cache = AsyncRedisCache::builder(prefix).connection_string(url);
    if let Some(ttl) = ttl {
        cache = cache.ttl(ttl);
    }
    cache.build().await.unwrap()
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
