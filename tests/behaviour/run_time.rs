//! What an operator changes while the process runs: the kill switch, and settings of single methods.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Stats, cache_impl};
use support::log::Log;
use tracing::Level;

use crate::entry_point::{Method, Place, Source, Subject, Write, every_entry_point};

every_entry_point! {
    a_disabled_cache_runs_methods_and_leaves_the_store_alone;
    an_entry_that_was_invalidated_while_the_cache_was_disabled_is_gone;
    a_ttl_that_is_set_holds_at_once;
    a_bound_that_is_set_holds_from_the_next_put_on;
}
every_entry_point! { blocking:
    sync_methods_of_a_disabled_cache_run;
}
every_entry_point! {
    a_declared_invalidation_is_sent_while_the_cache_is_disabled needs DeclaredInvalidations;
    a_ttl_that_a_value_has_goes_before_one_that_is_set needs TtlFn;
    what_was_stored_with_a_longer_ttl_is_stale_at_once needs Refreshes;
}

const MINUTE: Duration = Duration::from_secs(60);

fn numbered() -> Arc<Source> {
    Source::new(|run| async move { Ok(Some(run.number)) })
}

/// The path of the only method that was called.
fn site(cache: &Cache) -> String {
    let called = cache.method_stats().into_iter();
    let mut called: Vec<_> = called.filter(|(_, stats)| stats.count > 0).collect();
    assert_eq!(called.len(), 1, "{called:?}");
    called.remove(0).0
}

async fn a_disabled_cache_runs_methods_and_leaves_the_store_alone(place: Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &numbered());
    assert!(cache.is_enabled());
    assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(0)));
    let before = cache.stats();

    cache.clone().set_enabled(false);
    assert!(!cache.is_enabled());
    for run in 1..=2 {
        assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(run)));
    }
    let asked = |stats: Stats| (stats.read, stats.hit, stats.miss, stats.write);
    let while_off = cache.stats();
    assert_eq!(asked(while_off), asked(before));
    let ran = (while_off.count - before.count, while_off.exec - before.exec);
    assert_eq!(ran, (2, 2));
    // Handles still work, also for what is there.
    let entry = subject.entry(Method::Plain, 1);
    assert_eq!(entry.peek().await.unwrap(), Some(Some(0)));

    cache.set_enabled(true);
    assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(0)));
    assert_eq!(cache.stats().hit, before.hit + 1);
}

fn sync_methods_of_a_disabled_cache_run(place: &Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &numbered());
    assert_eq!(subject.call_blocking(Method::Blocking, 1), Ok(Some(0)));
    cache.set_enabled(false);
    assert_eq!(subject.call_blocking(Method::Blocking, 1), Ok(Some(1)));
    cache.set_enabled(true);
    assert_eq!(subject.call_blocking(Method::Blocking, 1), Ok(Some(0)));
}

async fn an_entry_that_was_invalidated_while_the_cache_was_disabled_is_gone(place: Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &numbered());
    for id in [1, 2] {
        subject.call(Method::Plain, id).await.unwrap();
    }
    subject.call(Method::Other, 1).await.unwrap();
    cache.set_enabled(false);
    let entry = subject.entry(Method::Plain, 1);
    assert!(entry.invalidate().await.unwrap());
    subject.invalidate_all(Method::Other).await.unwrap();
    cache.set_enabled(true);
    assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(3)));
    assert_eq!(subject.call(Method::Plain, 2).await, Ok(Some(1)));
    assert_eq!(subject.call(Method::Other, 1).await, Ok(Some(4)));
}

async fn a_declared_invalidation_is_sent_while_the_cache_is_disabled(place: Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &numbered());
    for write in [Write::One, Write::All, Write::Both, Write::BothBlocking] {
        cache.set_enabled(true);
        let stored = subject.call(Method::Plain, 1).await;
        cache.set_enabled(false);
        subject.write(write, 1).await.unwrap();
        cache.set_enabled(true);
        assert_ne!(subject.call(Method::Plain, 1).await, stored, "{write:?}");
    }
}

struct Clocked {
    now_us: Arc<AtomicU64>,
    cache: Cache,
    subject: Subject,
}

impl Clocked {
    fn new(place: &Place) -> Self {
        let now_us = Arc::new(AtomicU64::new(1_800_000_000_000_000));
        let cache = place
            .builder()
            .manual_clock(now_us.clone())
            .build()
            .unwrap();
        Self {
            now_us,
            subject: place.subject(&cache, &numbered()),
            cache,
        }
    }

    fn pass(&self, minutes: u64) {
        self.now_us
            .fetch_add(minutes * 60_000_000, Ordering::SeqCst);
    }

    async fn call(&self, method: Method) -> u64 {
        self.subject.call(method, 1).await.unwrap().unwrap()
    }
}

async fn a_ttl_that_is_set_holds_at_once(place: Place) {
    let at = Clocked::new(&place);
    let entry = at.subject.entry(Method::Minutes10, 1);
    assert_eq!(at.call(Method::Minutes10).await, 0);
    at.pass(2);
    at.cache.set_ttl(&site(&at.cache), 3 * MINUTE).unwrap();
    // What is there already has one minute left in place of eight.
    assert_eq!(entry.ttl().await.unwrap(), Some(MINUTE));
    assert_eq!(at.call(Method::Minutes10).await, 0);
    at.pass(1);
    assert_eq!(entry.peek().await.unwrap(), None);
    assert_eq!(entry.ttl().await.unwrap(), None);
    assert_eq!(at.call(Method::Minutes10).await, 1);
    // What is stored now has the new one, through handles as well.
    assert_eq!(entry.ttl().await.unwrap(), Some(3 * MINUTE));
    entry.put(Some(9)).await.unwrap();
    assert_eq!(entry.ttl().await.unwrap(), Some(3 * MINUTE));
    at.cache.set_ttl(&site(&at.cache), 30 * MINUTE).unwrap();
    entry.put(Some(9)).await.unwrap();
    assert_eq!(entry.ttl().await.unwrap(), Some(30 * MINUTE));
    at.pass(29);
    assert_eq!(at.call(Method::Minutes10).await, 9);
}

async fn a_ttl_that_a_value_has_goes_before_one_that_is_set(place: Place) {
    let at = Clocked::new(&place);
    let source = &at.subject.source;
    source.runs_from_now_on(|_| async { Ok(Some(600)) });
    assert_eq!(at.call(Method::OwnTtl).await, 600);
    at.cache.set_ttl(&site(&at.cache), MINUTE).unwrap();
    at.pass(9);
    assert_eq!(at.call(Method::OwnTtl).await, 600);
    assert_eq!(at.cache.stats().hit, 1);
}

async fn what_was_stored_with_a_longer_ttl_is_stale_at_once(place: Place) {
    let at = Clocked::new(&place);
    assert_eq!(at.call(Method::Stale).await, 0);
    at.pass(2);
    at.cache.set_ttl(&site(&at.cache), MINUTE).unwrap();
    assert_eq!(at.call(Method::Stale).await, 0);
    assert_eq!(at.cache.stats().stale, 1);
    support::eventually("a refresh", Duration::from_secs(10), || {
        at.cache.stats().write == 2
    });
    assert_eq!(at.call(Method::Stale).await, 1);
    at.pass(21);
    assert_eq!(at.call(Method::Stale).await, 2, "20 minutes after the TTL");
}

async fn a_bound_that_is_set_holds_from_the_next_put_on(place: Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &numbered());
    for id in 0..8 {
        subject.call(Method::Size8, id).await.unwrap();
    }
    assert_eq!(cache.len().await.unwrap(), 8);
    cache.set_maxsize(&site(&cache), 2).unwrap();
    subject.call(Method::Size8, 8).await.unwrap();
    assert_eq!(cache.len().await.unwrap(), 2);
    cache.set_maxsize(&site(&cache), 9).unwrap();
    for id in 0..9 {
        subject.call(Method::Size8, id).await.unwrap();
    }
    assert_eq!(cache.len().await.unwrap(), 9);
}

#[derive(Default)]
struct Users {
    runs: AtomicU64,
}

#[cache_impl(self_key = ())]
impl Users {
    fn find(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst) + id
    }

    #[cache(batch = ids)]
    async fn many(&self, ids: &[u64]) -> Vec<u64> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        ids.to_vec()
    }

    #[nocache]
    #[updates(find(id))]
    fn set(&self, id: u64) -> u64 {
        id
    }
}

#[tokio::test]
async fn a_batch_of_a_disabled_cache_is_one_execution_for_all_ids() {
    let cache = Cache::builder("run-time").build().unwrap();
    let users = Users::default().cached(&cache);
    users.many(&[1, 2]).await;
    cache.set_enabled(false);
    for _ in 0..2 {
        assert_eq!(users.many(&[1, 2, 3]).await, [1, 2, 3]);
    }
    assert_eq!(CachedUsers::inner(&users).runs.load(Ordering::SeqCst), 3);
    assert_eq!((cache.stats().count, cache.stats().read), (3, 2));
    assert_eq!(cache.len().await.unwrap(), 2);
}

#[test]
fn an_update_is_an_invalidation_while_the_cache_is_disabled() {
    let cache = Cache::builder("run-time").build().unwrap();
    let users = Users::default().cached(&cache);
    users.find(7);
    cache.set_enabled(false);
    users.set(7);
    cache.set_enabled(true);
    assert_eq!(users.entry().find(7).peek().unwrap(), None);
}

/// Two methods have one path if functions are around their types.
#[test]
fn a_setting_holds_also_for_a_method_of_that_path_that_is_called_later() {
    fn first(cache: &Cache) {
        struct Local;
        #[cache_impl]
        impl Local {
            fn of(&self) -> u8 {
                0
            }
        }
        Local.cached(cache).of();
    }
    fn second(cache: &Cache) -> Option<Duration> {
        struct Local;
        #[cache_impl]
        impl Local {
            fn of(&self) -> u8 {
                1
            }
        }
        let local = Local.cached(cache);
        local.of();
        local.entry().of().ttl().unwrap()
    }
    let cache = Cache::builder("run-time").build().unwrap();
    first(&cache);
    cache.set_ttl(&site(&cache), MINUTE).unwrap();
    let ttl = second(&cache).unwrap();
    assert!(ttl <= MINUTE && ttl > MINUTE / 2, "{ttl:?}");
    assert_eq!(cache.method_stats().len(), 1);
}

#[test]
fn wrong_settings_are_errors_that_say_what_to_write() {
    let cache = Cache::builder("run-time").build().unwrap();
    let error = cache.set_ttl("run_time::Users::find", MINUTE).unwrap_err();
    assert!(error.is_config() && error.to_string().contains("none has been called yet"));

    Users::default().cached(&cache).find(1);
    let site = site(&cache);
    for wrong in ["find", "Users::fnd", "", &site[1..], &"x".repeat(1 << 20)] {
        let error = cache.set_maxsize(wrong, 5).unwrap_err().to_string();
        assert!(error.contains(&format!("write `{site}`")), "{error}");
        assert!(error.len() < 1000);
    }
    for (ttl, says) in [
        (
            Duration::ZERO,
            "at least one millisecond (to cache nothing at all, call `set_enabled(false)`)",
        ),
        (Duration::from_nanos(999_999), "at least one millisecond"),
        (Duration::MAX, "longer than 100 years"),
    ] {
        let error = cache.set_ttl(&site, ttl).unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains(says),
            "{error}"
        );
    }
    for maxsize in [0, 1_000_000_001, u64::MAX] {
        let error = cache.set_maxsize(&site, maxsize).unwrap_err();
        assert!(
            error.to_string().contains("must be from 1 to 1000000000"),
            "{error}"
        );
    }
}

#[test]
fn what_is_set_at_run_time_is_logged_at_warn() {
    let log = Log::start();
    let cache = Cache::builder("run-time").build().unwrap();
    Users::default().cached(&cache).find(1);
    cache.set_enabled(true);
    assert_eq!(log.said(Level::WARN, ""), Vec::<String>::new(), "it was on");
    cache.set_enabled(false);
    cache.set_ttl(&site(&cache), MINUTE).unwrap();
    cache.set_maxsize(&site(&cache), 5).unwrap();
    for part in ["enabled=false", "ttl_ms=60000", "maxsize=5 before=1024"] {
        assert_eq!(log.said(Level::WARN, part).len(), 1, "{part}");
    }
}
