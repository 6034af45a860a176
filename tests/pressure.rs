//! Many values at a time, large ones, and a slow server: they are stored all the same, behind calls
//! that wait no longer than they may.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{Proxy, Server, Way, check_pairs, unique};
use tokio::sync::Semaphore;

struct Repo {
    runs: AtomicU64,
    go_on: Semaphore,
}

impl Default for Repo {
    fn default() -> Self {
        Self {
            runs: AtomicU64::new(0),
            go_on: Semaphore::new(0),
        }
    }
}

#[cache_impl(maxsize = 100_000)]
impl Repo {
    async fn quick(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    async fn together(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        drop(self.go_on.acquire().await);
        id
    }

    async fn large(&self, id: u64) -> String {
        self.runs.fetch_add(1, Ordering::SeqCst);
        char::from(b'a' + u8::try_from(id % 26).unwrap()).to_string().repeat(70_000)
    }
}

/// Waits until no more values are stored, and says how many there are.
async fn stored(cache: &Cache) -> u64 {
    let mut last = cache.stats().write;
    loop {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let now = cache.stats().write;
        if now == last {
            return now;
        }
        last = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_callers_at_a_time_store_nearly_all_values() {
    const CALLERS: u64 = 20_000;
    let server = Server::start();
    let cache = Cache::builder(unique("pressure")).redis(server.url());
    let cache = cache.build().unwrap();
    let repo = Repo::default().cached(&cache);
    let calls: Vec<_> = (0..CALLERS)
        .map(|id| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.quick(id).await })
        })
        .collect();
    for (id, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), id as u64);
    }
    let stored = stored(&cache).await;
    println!("{stored} {:?}", cache.stats());
    assert!(stored * 10 > CALLERS * 9, "{stored}: {:?}", cache.stats());
    check_pairs(&server);
}
