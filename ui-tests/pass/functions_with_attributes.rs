#![deny(warnings)]
//! Attributes above and below, those of other crates among them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use redis_func_cache::{Cache, cache_fn};
use tracing::instrument;
use tracing::span::{Attributes, Id, Record};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("x").build().unwrap());

struct Db;

/// It sees the function before we do.
#[instrument(skip(_db))]
#[cache_fn(cache = CACHE)]
async fn above(#[cache_skip] _db: &Db, id: u64) -> Result<u64, String> {
    tracing::debug!("runs");
    Ok(id)
}

/// It sees the function after we did.
#[cache_fn(cache = CACHE)]
#[instrument(skip_all, fields(id = id), err, ret)]
async fn below(#[cache_skip] _db: &Db, id: u64) -> Result<u64, String> {
    Ok(id)
}

#[instrument]
#[cache_fn(cache = CACHE)]
#[instrument]
fn both(id: u64) -> u64 {
    id
}

#[cache_fn(cache = CACHE)]
#[instrument]
fn future(id: u64) -> impl Future<Output = u64> {
    async move { id }
}

#[must_use]
#[cache_fn(cache = CACHE)]
#[inline]
#[allow(clippy::let_and_return)]
#[doc = "Documented."]
pub fn ordinary(id: u64) -> u64 {
    let found = id;
    found
}

#[cache_fn(cache = CACHE)]
#[deprecated = "use `ordinary`"]
fn old(id: u64) -> u64 {
    id
}

#[cfg(never)]
#[cache_fn(cache = CACHE)]
fn chosen(id: u64) -> u64 {
    id
}

#[cfg(not(never))]
#[cache_fn(cache = CACHE)]
#[cfg_attr(not(never), inline(never))]
fn chosen(id: u64) -> u64 {
    id + 1
}

#[cache_fn(cache = CACHE)]
#[cfg(never)]
fn absent(id: Absent) -> u64 {
    id
}

/// Counts spans by their names.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl tracing::Subscriber for Spans {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span()
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut counts = self.0.lock().unwrap();
        *counts.entry(span.metadata().name()).or_default() += 1;
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

pub fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || runtime.block_on(calls()));
    // Of a miss, a hit, and one without the cache or a refresh: what rewrites a body acts where that runs. `both` has two
    // spans for one miss and one hit.
    let spans = spans.0.lock().unwrap();
    let counted = ["above", "below", "both", "future"].map(|name| spans[name]);
    assert_eq!(counted, [2, 2, 2, 1], "{spans:?}");
}

async fn calls() {
    for _ in 0..2 {
        assert_eq!((above(&Db, 1).await, below(&Db, 2).await), (Ok(1), Ok(2)));
        assert_eq!((both(3), future(4).await), (3, 4));
        assert_eq!((ordinary(5), chosen(6)), (5, 7));
        #[allow(deprecated)]
        let of_old = old(8);
        assert_eq!(of_old, 8);
    }
    assert_eq!((CACHE.stats().miss, CACHE.stats().hit), (7, 7));
    assert_eq!(above::uncached(&Db, 1).await, Ok(1));
    assert_eq!(below::entry(2).refresh(&Db).await, Ok(2));
    assert_eq!(chosen::entry(6).peek().unwrap(), Some(7));
}
