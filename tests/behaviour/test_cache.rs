//! `Cache::test()`: a clock that is moved, a store that fails or hangs, a log of calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{
    Availability, Cache, CacheExt as _, Outcome, StoreKind, TestCache, cache_impl,
};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Rates {
    runs: AtomicU64,
}

#[cache_impl(ttl = "10m", self_key = ())]
impl Rates {
    async fn of(&self, _country: &str) -> u64 {
        tokio::task::yield_now().await;
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    fn of_sync(&self, _country: &str) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    #[cache(stale = "10m")]
    async fn stale(&self, _country: &str) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    #[cache(batch = ids)]
    async fn many(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    #[nocache]
    #[invalidates(of(country))]
    async fn set(&self, country: &str) {
        let _ = country;
    }
}

fn fresh() -> (TestCache, CachedRates) {
    let cache = Cache::test();
    let rates = Rates::default().cached(&cache);
    (cache, rates)
}

/// The calls since the last time, each with the last word of its path.
fn calls(cache: &TestCache) -> Vec<(String, Outcome)> {
    let calls = cache.calls().into_iter();
    calls
        .map(|call| {
            assert_eq!(
                (call.method(), call.outcome()),
                (&*call.method, call.outcome)
            );
            let name = call.method.rsplit("::").next().unwrap().to_owned();
            (name, call.outcome)
        })
        .collect()
}

fn outcomes(cache: &TestCache) -> Vec<Outcome> {
    calls(cache)
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect()
}

#[tokio::test]
async fn entries_expire_by_a_clock_that_the_test_moves() {
    let (cache, rates) = fresh();
    assert_eq!(cache.store_kind(), StoreKind::Memory);
    assert_eq!(rates.of("de").await, 0);
    cache.advance(9 * MINUTE);
    assert_eq!(rates.of("de").await, 0);
    let left = rates.entry().of("de").ttl().await.unwrap().unwrap();
    assert!(left <= MINUTE && left > MINUTE / 2, "{left:?}");
    cache.clone().advance(MINUTE);
    assert_eq!(rates.of("de").await, 1);
    assert_eq!(outcomes(&cache), [Outcome::Led, Outcome::Hit, Outcome::Led]);
    // The pair of keys ends, too.
    assert_eq!(cache.len().await.unwrap(), 1);
    cache.advance(100 * MINUTE);
    assert_eq!(cache.len().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_past_its_ttl_is_served_stale_and_refreshed() {
    let (cache, rates) = fresh();
    rates.stale("de").await;
    cache.advance(11 * MINUTE);
    assert_eq!(rates.stale("de").await, 0);
    let started = Instant::now();
    while cache.stats().write < 2 {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(rates.stale("de").await, 1);
    assert_eq!(
        outcomes(&cache),
        [Outcome::Led, Outcome::Stale, Outcome::Hit]
    );
}

/// The clock of the runtime is that of the entries, and `advance` comes on top.
#[tokio::test(start_paused = true)]
async fn entries_live_by_the_paused_clock_of_the_runtime() {
    let started = Instant::now();
    let (cache, rates) = fresh();
    assert_eq!((rates.of("de").await, rates.of_sync("de")), (0, 1));
    tokio::time::sleep(9 * MINUTE).await;
    assert_eq!((rates.of("de").await, rates.of_sync("de")), (0, 1));
    tokio::time::advance(MINUTE).await;
    assert_eq!((rates.of("de").await, rates.of_sync("de")), (2, 3));
    tokio::time::advance(5 * MINUTE).await;
    cache.advance(5 * MINUTE);
    assert_eq!((rates.of("de").await, rates.of_sync("de")), (4, 5));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn calls_are_logged_in_their_order_with_their_outcomes() {
    let (cache, rates) = fresh();
    rates.of("de").await;
    rates.of_sync("de");
    rates.of("de").await;
    cache.disable_rw(rates.of("de")).await;
    cache.set_enabled(false);
    rates.of_sync("de");
    cache.set_enabled(true);
    let call = |name: &str, outcome| (name.to_owned(), outcome);
    let expected = [
        call("of", Outcome::Led),
        call("of_sync", Outcome::Led),
        call("of", Outcome::Hit),
        call("of", Outcome::Bypass),
        call("of_sync", Outcome::Disabled),
    ];
    assert_eq!(calls(&cache), expected);
    assert!(cache.calls()[0].method.ends_with("::Rates::of"));

    cache.reset();
    rates.many(&[1, 2]).await;
    rates.many(&[2, 3]).await;
    assert_eq!(
        outcomes(&cache)
            .iter()
            .filter(|&&is| is == Outcome::Led)
            .count(),
        3,
        "one for each id"
    );
    assert_eq!(calls(&cache).len(), 4);

    let together = tokio::join!(rates.of("fr"), rates.of("fr"));
    assert_eq!(together.0, together.1);
    assert!(outcomes(&cache).contains(&Outcome::Coalesced));

    let other = Cache::test();
    Rates::default().cached(&other).of_sync("de");
    assert_eq!(other.calls().len(), 1);
    let function = other.function("pages").build().unwrap();
    function.get_with_sync(&1, || 7);
    assert_eq!(other.calls()[1].method, "pages");
}

#[tokio::test]
async fn reads_that_fail_run_the_method() {
    let (cache, rates) = fresh();
    assert_eq!(rates.of("de").await, 0);
    cache.fail_reads(true);
    assert_eq!((rates.of("de").await, rates.of_sync("de")), (1, 2));
    let error = rates.entry().of("de").peek().await.unwrap_err();
    assert!(error.is_unavailable());
    assert!(cache.ping().await.is_err() && cache.len().await.is_err());
    assert_eq!(cache.health().reads, Availability::Unavailable);
    cache.fail_reads(false);
    assert_eq!(rates.of("de").await, 0);
    assert_eq!(
        outcomes(&cache),
        [
            Outcome::Led,
            Outcome::Unavailable,
            Outcome::Unavailable,
            Outcome::Hit
        ]
    );
}

#[tokio::test]
async fn writes_that_fail_store_nothing_and_invalidations_are_sent_again() {
    let (cache, rates) = fresh();
    assert_eq!(rates.of("de").await, 0);
    cache.fail_writes(true);
    assert_eq!((rates.of("fr").await, rates.of("fr").await), (1, 2));
    assert_eq!(rates.of("de").await, 0, "reads do not fail");
    assert_eq!(cache.health().writes, Availability::Unavailable);
    assert_eq!(cache.health().reads, Availability::Available);
    assert!(rates.entry().of("de").invalidate().await.is_err());
    rates.set("de").await;
    assert_eq!(cache.stats().queued, 1);
    assert_eq!(rates.of("de").await, 3, "it is to be invalidated");
    cache.fail_writes(false);
    let started = Instant::now();
    while rates.of("de").await != rates.of("de").await {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_ne!(rates.of("de").await, 0, "what was invalidated is gone");
}

#[tokio::test]
async fn a_frozen_store_costs_a_deadline_and_goes_on_where_it_was() {
    let (cache, rates) = fresh();
    assert_eq!(rates.of("de").await, 0);
    cache.freeze(true);
    let started = Instant::now();
    assert_eq!(rates.of("de").await, 1);
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(90) && took < Duration::from_secs(1),
        "{took:?}"
    );
    assert_eq!(cache.health().writes, Availability::Unavailable);
    assert!(cache.ready(Duration::from_millis(50)).await.is_err());

    // What is asked while it is frozen is answered when it goes on.
    let cached = rates.clone();
    let waits = tokio::spawn(async move { cached.entry().of("de").peek().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waits.is_finished());
    cache.freeze(false);
    assert_eq!(waits.await.unwrap().unwrap(), Some(0));
    assert_eq!(rates.of("de").await, 0);
    cache.ready(Duration::ZERO).await.unwrap();
}

/// As by a server that gets to it later.
#[tokio::test]
async fn what_was_to_be_stored_while_frozen_is_stored_afterwards() {
    let cache = Cache::test();
    let freezes = Freezes {
        cache: cache.clone(),
    };
    let freezes = freezes.cached(&cache);
    assert_eq!(freezes.then(1).await, 1);
    assert_eq!(cache.stats().write, 0);
    cache.freeze(false);
    assert_eq!(freezes.entry().then(1).peek().await.unwrap(), Some(1));
}

struct Freezes {
    cache: TestCache,
}

#[cache_impl(self_key = ())]
impl Freezes {
    async fn then(&self, id: u64) -> u64 {
        self.cache.freeze(true);
        id
    }
}

#[tokio::test]
async fn reset_gives_an_empty_cache_that_works() {
    let (cache, rates) = fresh();
    rates.of("de").await;
    cache.fail_reads(true);
    cache.fail_writes(true);
    cache.freeze(true);
    cache.reset();
    assert_eq!(cache.calls(), []);
    assert_eq!(cache.len().await.unwrap(), 0);
    assert_eq!((rates.of("de").await, rates.of("de").await), (1, 1));
}

#[test]
fn a_test_cache_has_the_settings_of_its_builder() {
    let builder = Cache::builder("shop").redis("redis://127.0.0.1:1");
    let cache = builder.ttl(MINUTE).maxsize(2).build_test().unwrap();
    assert_eq!(
        (cache.name(), cache.store_kind()),
        ("shop", StoreKind::Memory)
    );
    let function = cache.function("f").build().unwrap();
    for id in 0..5 {
        function.get_with_sync(&id, || id);
    }
    assert_eq!(pollster::block_on(cache.len()).unwrap(), 2);
    cache.advance(MINUTE);
    function.get_with_sync(&4, || 4);
    assert_eq!(outcomes(&cache)[5], Outcome::Led);
    assert!(Cache::builder("").build_test().is_err());
}
