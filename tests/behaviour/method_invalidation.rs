//! To invalidate all entries of a method overtakes what is being computed for it, and for no other
//! method, whether they share a pair or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{Server, binaries, check_pairs, unique};
use tokio::sync::{Notify, Semaphore};

/// A row that changes, and methods that have read it and return when they may.
struct Repo {
    row: AtomicU64,
    began: Notify,
    go_on: Semaphore,
}

impl Default for Repo {
    fn default() -> Self {
        Self {
            row: AtomicU64::new(0),
            began: Notify::new(),
            go_on: Semaphore::new(0),
        }
    }
}

#[cache_impl]
impl Repo {
    async fn dropped(&self, _n: u64) -> u64 {
        self.read().await
    }

    async fn kept(&self, _n: u64) -> u64 {
        self.read().await
    }

    async fn at_once(&self, _n: u64) -> u64 {
        self.row.load(Ordering::SeqCst)
    }

    #[nocache]
    async fn read(&self) -> u64 {
        let row = self.row.load(Ordering::SeqCst);
        self.began.notify_one();
        self.go_on.acquire().await.unwrap().forget();
        row
    }

    async fn takes_100_ms(&self, n: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        n
    }

    #[nocache]
    #[invalidates(dropped(..))]
    async fn write(&self) {}
}

/// One body for every store and layout. Two caches of one name are what two processes have; the
/// memory store has no other process.
async fn everywhere<F: Future<Output = ()>>(test: impl Fn([Cache; 2], Option<Arc<Server>>) -> F) {
    let layouts: [fn(CacheBuilder) -> CacheBuilder; 2] =
        [CacheBuilder::single, CacheBuilder::multiple];
    for layout in layouts {
        let cache = layout(Cache::builder(unique("groups")).memory()).build();
        let cache = cache.unwrap();
        test([cache.clone(), cache], None).await;
    }
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        for layout in layouts {
            let name = unique("groups");
            let build = || {
                let cache = Cache::builder(&name).redis(server.url());
                // It is not about time.
                layout(cache).deadline(Duration::from_secs(5)).build()
            };
            test([build().unwrap(), build().unwrap()], Some(server.clone())).await;
            let _: () = server.query(&["FLUSHALL"]);
        }
        check_pairs(&server);
    }
}

#[tokio::test]
async fn other_methods_store_what_they_were_computing() {
    everywhere(|[cache, other], server| async move {
        let source = Arc::new(Repo::default());
        let (repo, others) = (source.clone().cached(&cache), source.clone().cached(&other));
        let calls = [
            tokio::spawn({
                let repo = repo.clone();
                async move { repo.kept(1).await }
            }),
            tokio::spawn({
                let repo = repo.clone();
                async move { repo.dropped(1).await }
            }),
        ];
        for _ in &calls {
            source.began.notified().await;
        }
        source.row.store(1, Ordering::SeqCst);
        others.write().await;
        source.go_on.add_permits(2);
        for call in calls {
            assert_eq!(call.await.unwrap(), 0);
        }
        let entries = others.entry();
        let what = server.map_or("memory".to_owned(), |server| server.binary().to_string());
        assert_eq!(entries.kept(1).peek().await.unwrap(), Some(0), "{what}");
        assert_eq!(entries.dropped(1).peek().await.unwrap(), None, "{what}");
    })
    .await;
}

#[tokio::test]
async fn later_calls_of_other_methods_join_what_was_being_computed() {
    everywhere(|[cache, _], server| async move {
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        let call = || {
            let repo = repo.clone();
            tokio::spawn(async move { repo.kept(1).await })
        };
        let early = call();
        source.began.notified().await;
        repo.write().await;
        let late = call();
        while cache.stats().miss < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        source.go_on.add_permits(2);
        assert_eq!((early.await.unwrap(), late.await.unwrap()), (0, 0));
        let what = server.map_or("memory".to_owned(), |server| server.binary().to_string());
        let stats = cache.stats();
        assert_eq!((stats.exec, stats.coalesced), (1, 1), "{what}");
    })
    .await;
}

/// While the one that was overtaken still runs.
#[tokio::test]
async fn a_later_call_of_the_method_begins_at_once_and_is_stored() {
    everywhere(|[cache, other], server| async move {
        let source = Arc::new(Repo::default());
        let (repo, others) = (source.clone().cached(&cache), source.clone().cached(&other));
        let early = tokio::spawn({
            let repo = repo.clone();
            async move { repo.dropped(1).await }
        });
        source.began.notified().await;
        for row in 1..4 {
            // By a clock that was ahead, and is right again, no stamp is below another.
            if let Some(server) = &server {
                clock_was_ahead(server);
            }
            source.row.store(row, Ordering::SeqCst);
            others.write().await;
            let late = tokio::spawn({
                let others = others.clone();
                async move { others.dropped(1).await }
            });
            let began = tokio::time::timeout(Duration::from_secs(10), source.began.notified());
            began.await.expect("it waits for what was overtaken");
            if row == 1 {
                // Whose turn it is: the early one is first in line.
                source.go_on.add_permits(1);
                assert_eq!(early_value(&early).await, ());
            }
            source.go_on.add_permits(1);
            assert_eq!(late.await.unwrap(), row);
            let stored = others.entry().dropped(1).peek().await.unwrap();
            assert_eq!(stored, Some(row));
        }
        assert_eq!(early.await.unwrap(), 0, "who was early gets what it read");
    })
    .await;
}

async fn early_value(early: &tokio::task::JoinHandle<u64>) {
    while !early.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The pair's clock stands an hour ahead of the server's, and what there is has been stamped by it.
fn clock_was_ahead(server: &Server) {
    let key = server.keys().into_iter().find(|key| key.ends_with(":2"));
    let Some(key) = key else { return };
    let now: Vec<u64> = server.query(&["TIME"]);
    let ahead = ((now[0] + 3600) * 1_000_000).to_string();
    let stamp: Option<u64> = server.query(&["HGET", &key, "clock"]);
    if stamp.is_none_or(|stamp| stamp < now[0] * 1_000_000) {
        let _: u64 = server.query(&["HSET", &key, "clock", &ahead]);
    }
}

#[tokio::test]
async fn nothing_is_stored_once_leases_and_stamps_are_lost() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("groups")).redis(server.url());
        let cache = cache.build().unwrap();
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        let early = tokio::spawn({
            let repo = repo.clone();
            async move { repo.dropped(1).await }
        });
        source.began.notified().await;
        repo.write().await;
        let key = server.keys().into_iter().find(|key| key.ends_with(":2"));
        let _: u8 = server.query(&["DEL", &key.unwrap()]);
        // There are leases again, and no stamp.
        let kept = tokio::spawn({
            let repo = repo.clone();
            async move { repo.kept(1).await }
        });
        source.began.notified().await;
        source.go_on.add_permits(2);
        assert_eq!((early.await.unwrap(), kept.await.unwrap()), (0, 0));
        assert_eq!(repo.entry().dropped(1).peek().await.unwrap(), None);
        assert_eq!(repo.entry().kept(1).peek().await.unwrap(), Some(0));
        check_pairs(&server);
    }
}

/// Where there are many leases, those of dead processes are looked for among them.
#[tokio::test]
async fn a_stamp_outlives_the_leases_before_it() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("groups")).redis(server.url());
        let cache = cache.deadline(Duration::from_secs(5)).build().unwrap();
        let source = Arc::new(Repo::default());
        let repo = source.clone().cached(&cache);
        let call = |n: u64| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.dropped(n).await })
        };
        let mut early = Vec::new();
        for n in 0..100 {
            early.push(call(n));
            source.began.notified().await;
        }
        repo.write().await;
        for n in 0..400 {
            repo.at_once(n).await;
        }
        source.go_on.add_permits(early.len());
        for call in early {
            assert_eq!(call.await.unwrap(), 0);
        }
        for n in 0..100 {
            let stored = repo.entry().dropped(n).peek().await.unwrap();
            assert_eq!(stored, None, "{n} on {binary}");
        }
        assert_eq!(cache.stats().error, 0);
        check_pairs(&server);
    }
}

/// Twenty writes a second, and methods of 100 ms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frequent_writes_leave_the_values_of_other_methods() {
    everywhere(|[cache, other], server| async move {
        let source = Arc::new(Repo::default());
        let (repo, others) = (source.clone().cached(&cache), source.clone().cached(&other));
        let is_over = Arc::new(AtomicBool::new(false));
        let writes = tokio::spawn({
            let is_over = is_over.clone();
            async move {
                while !is_over.load(Ordering::SeqCst) {
                    others.write().await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        for first in (0..200).step_by(20) {
            let calls = (first..first + 20).map(|n| {
                let repo = repo.clone();
                tokio::spawn(async move { repo.takes_100_ms(n).await })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap();
            }
        }
        is_over.store(true, Ordering::SeqCst);
        writes.await.unwrap();
        let mut stored = 0;
        for n in 0..200 {
            let entry = repo.entry().takes_100_ms(n).peek().await.unwrap();
            stored += usize::from(entry.is_some());
        }
        let what = server.map_or("memory".to_owned(), |server| server.binary().to_string());
        println!("{what}: {stored} of 200 stored");
        assert!(stored >= 190, "{what}: {stored} of 200 stored");
    })
    .await;
}
