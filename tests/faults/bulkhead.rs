//! While the store is unavailable, `fallback_concurrency` bounds how many calls run a method at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{Server, unique};

#[derive(Default)]
struct Repo {
    now: AtomicU64,
    most: AtomicU64,
    cached: OnceLock<CachedRepo>,
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        id
    }

    /// Needs another method of the same cache, which has no place left.
    async fn both(&self, id: u64) -> u64 {
        let cached = self.cached.get().unwrap();
        cached.find(id).await + cached.find(id + 1).await
    }
}

/// How many ran at the same time, of thirty calls that are made at once.
async fn most_of_thirty(url: &str, most: Option<usize>) -> u64 {
    let builder = Cache::builder(unique("bulkhead")).redis(url);
    let builder = match most {
        Some(most) => builder.fallback_concurrency(most),
        None => builder,
    };
    let source = Arc::<Repo>::default();
    let repo = source.clone().cached(&builder.build().unwrap());
    source.cached.set(repo.clone()).ok().unwrap();
    // Until it is known whether the store is there.
    for id in 0..10 {
        repo.find(1_000 + id).await;
    }
    source.most.store(0, Ordering::SeqCst);
    let calls = join_all((0..30).map(|id| repo.find(id))).await;
    assert_eq!(calls, (0..30).collect::<Vec<_>>());
    let found = source.most.load(Ordering::SeqCst);
    let nested = join_all((0..10).map(|id| repo.both(100 + 2 * id))).await;
    assert_eq!(nested.len(), 10, "no call waits for itself");
    found
}

#[tokio::test]
async fn fallback_concurrency_bounds_executions_while_the_store_is_unavailable() {
    let server = Server::start();
    assert!(
        most_of_thirty(&server.url(), Some(2)).await > 2,
        "it is there"
    );
    let url = server.url();
    drop(server);
    assert!((1..=2).contains(&most_of_thirty(&url, Some(2)).await));
    assert!(most_of_thirty(&url, None).await > 2);
}
