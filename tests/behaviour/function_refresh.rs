//! `stale`, `soft_timeout` and `early` of functions: a closure that borrows refreshes within its call, one that
//! does not in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CachedFunction, FunctionBuilder};
use support::{PATIENT, Server, binaries, check_pairs, unique};
use tokio::sync::Notify;

const TTL: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(600);

async fn everywhere<F: Future<Output = ()>>(test: impl Fn(Cache) -> F) {
    test(Cache::builder(unique("functions")).build().unwrap()).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("functions")).redis(server.url());
        test(cache.deadline(PATIENT).build().unwrap()).await;
        check_pairs(&server);
    }
}

/// A function with a stale 0 under the key 1.
async fn stale(cache: &Cache, options: fn(FunctionBuilder) -> FunctionBuilder) -> CachedFunction {
    let f = options(cache.function("f").ttl(TTL).stale(LONG));
    let f = f.build().unwrap();
    assert_eq!(f.get_with(&1, || async { 0u64 }).await, 0);
    tokio::time::sleep(TTL + Duration::from_millis(10)).await;
    f
}

async fn until_stored(f: &CachedFunction, value: u64) {
    let stored = async {
        while f.entry::<u64>(&1).peek().await.unwrap() != Some(value) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let stored = tokio::time::timeout(PATIENT, stored).await;
    stored.expect("the refresh stores its value");
}

#[tokio::test]
async fn a_closure_begins_only_where_its_process_refreshes() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("functions");
        let build = || {
            let cache = Cache::builder(&name).redis(server.url());
            cache.deadline(PATIENT).build().unwrap()
        };
        let (ours, theirs) = (build(), build());
        let f = &stale(&ours, |f| f).await;
        let other = theirs.function("f").ttl(TTL).stale(LONG);
        let other = &other.build().unwrap();
        let (began, go_on) = (&Notify::new(), &Notify::new());
        let refreshes = f.get_with(&1, || async move {
            began.notify_one();
            go_on.notified().await;
            1u64
        });
        let begun = &AtomicU64::new(0);
        let is_served = async {
            began.notified().await;
            let eager = || {
                begun.fetch_add(1, Ordering::SeqCst);
                std::future::ready(2u64)
            };
            assert_eq!(other.get_with(&1, eager).await, 0);
            go_on.notify_one();
        };
        let (fresh, ()) = tokio::join!(refreshes, is_served);
        assert_eq!((fresh, begun.load(Ordering::SeqCst)), (1, 0));
    }
}

#[tokio::test]
async fn the_call_that_finds_a_value_stale_refreshes_it_and_others_are_served() {
    everywhere(|cache| async move {
        let f = &stale(&cache, |f| f).await;
        let (began, go_on) = (&Notify::new(), &Notify::new());
        // It borrows.
        let refreshes = f.get_with(&1, || async move {
            began.notify_one();
            go_on.notified().await;
            1u64
        });
        let is_served = async {
            began.notified().await;
            assert_eq!(f.get_with(&1, || async { 2u64 }).await, 0);
            assert_eq!(f.get_with_sync(&1, || 3u64), 0);
            go_on.notify_one();
        };
        assert_eq!(tokio::join!(refreshes, is_served).0, 1);
        assert_eq!(f.entry::<u64>(&1).peek().await.unwrap(), Some(1));
        let stats = cache.stats();
        assert_eq!((stats.exec, stats.stale, stats.miss), (2, 2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_fails_is_answered_with_the_old_value() {
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f).await;
        let failed = f.try_get_with(&1, || async { Err::<u64, _>("failed") });
        assert_eq!(failed.await, Ok(0));
        // Not again for a while.
        let failed = f.try_get_with_sync(&1, || Ok::<u64, ()>(1));
        assert_eq!(failed, Ok(0));
        assert_eq!(f.entry::<u64>(&1).peek().await.unwrap(), Some(0));
        assert_eq!(cache.stats().stale, 2);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_panics_or_is_dropped_leaves_the_old_value() {
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f).await;
        let caller = f.clone();
        let panics = tokio::spawn(async move {
            let run = || async { panic!("as asked for") };
            caller.get_with::<_, u64, _, _>(&1, run).await
        });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(f.get_with(&1, || async { 1u64 }).await, 0);
    })
    .await;
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f).await;
        let run = || async { std::future::pending::<u64>().await };
        let dropped = tokio::time::timeout(TTL, f.get_with(&1, run)).await;
        assert!(dropped.is_err());
        assert_eq!(f.get_with(&1, || async { 1u64 }).await, 0);
    })
    .await;
}

#[tokio::test]
async fn in_the_background_no_call_waits_for_a_refresh() {
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f).await;
        let gate = Arc::new(Notify::new());
        let waits = gate.clone();
        let run = move || async move {
            waits.notified().await;
            1u64
        };
        assert_eq!(f.get_with_refresh(&1, run).await, 0);
        assert_eq!(f.get_with_refresh(&1, || async { 2u64 }).await, 0);
        gate.notify_one();
        until_stored(&f, 1).await;
        assert_eq!(cache.stats().exec, 2);

        tokio::time::sleep(TTL).await;
        assert_eq!(f.get_with_refresh_sync(&1, || 3u64), 1);
        until_stored(&f, 3).await;
        tokio::time::sleep(TTL).await;
        let tried = f.try_get_with_refresh(&1, || async { Ok::<_, ()>(4u64) });
        assert_eq!(tried.await, Ok(3));
        until_stored(&f, 4).await;
        tokio::time::sleep(TTL).await;
        let tried = f.try_get_with_refresh_sync(&1, || Err::<u64, _>(()));
        assert_eq!(tried, Ok(4));
        // Without an entry all of them run their closures.
        f.all().invalidate().await.unwrap();
        let tried = f.try_get_with_refresh(&1, || async { Err::<u64, _>(5) });
        assert_eq!(tried.await, Err(5));
        assert_eq!(f.try_get_with_refresh_sync(&1, || Ok::<_, ()>(6u64)), Ok(6));
    })
    .await;
}

#[tokio::test]
async fn a_soft_timeout_waits_for_the_fresh_value() {
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f.soft_timeout(PATIENT)).await;
        assert_eq!(f.get_with_refresh(&1, || async { 1u64 }).await, 1);
        assert_eq!(cache.stats().stale, 0);
    })
    .await;
    everywhere(|cache| async move {
        let f = stale(&cache, |f| f.soft_timeout(Duration::from_millis(1))).await;
        let run = || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            1u64
        };
        assert_eq!(f.get_with_refresh(&1, run).await, 0);
        until_stored(&f, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_share_of_the_ttl_is_enough_for_a_refresh_ahead() {
    everywhere(|cache| async move {
        let f = cache.function("f").ttl(LONG).early(0.001);
        let f = f.build().unwrap();
        let run = |value: u64| async move { value };
        assert_eq!(f.get_with(&1, || run(0)).await, 0);
        assert_eq!(f.get_with(&1, || run(1)).await, 0, "it is too early");
        tokio::time::sleep(Duration::from_millis(650)).await;
        assert_eq!(f.get_with(&1, || run(2)).await, 2);
        let stats = cache.stats();
        assert_eq!((stats.exec, stats.miss, stats.stale), (2, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn xfetch_refreshes_slow_values_before_their_end() {
    let cache = Cache::builder(unique("functions")).build().unwrap();
    let f = cache
        .function("f")
        .ttl(Duration::from_secs(2))
        .early_xfetch();
    let f = f.build().unwrap();
    let (runs, is_slow) = (AtomicU64::new(0), AtomicBool::new(true));
    while runs.load(Ordering::SeqCst) < 2 {
        let run = || async {
            runs.fetch_add(1, Ordering::SeqCst);
            if is_slow.swap(false, Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        f.get_with(&1, run).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(cache.stats().miss, 1, "the value had not expired");
}
