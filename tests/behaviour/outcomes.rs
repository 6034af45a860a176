//! Each call has one outcome, and each value that is not stored a reason: in the counters and in one event a call.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Stats, cache_impl};
use serde::{Deserialize, Serialize};
use support::log::Log;
use support::{PATIENT, Server, binaries, eventually, unique};
use tracing::Level;

use crate::entry_point::{Failure, Method, Need, Place, Source, Subject, every_entry_point};

every_entry_point! {
    each_call_has_one_outcome_and_each_value_that_is_not_stored_a_reason;
    stale_values_and_failed_refreshes_are_counted needs Refreshes;
}

const START_US: u64 = 1_800_000_000_000_000;
const MINUTE_US: u64 = 60_000_000;

/// The argument of all calls, and what they return: no event may have it.
const CANARY: u64 = 918_273_645_918_273_645;

/// Counters that were more than nothing, with the time that was saved and the bytes that were stored left out.
fn counted(stats: Stats) -> BTreeMap<&'static str, u64> {
    let apart = ["saved_us", "stored_bytes"];
    let counters = stats.iter();
    counters
        .filter(|(name, n)| *n > 0 && !apart.contains(name))
        .collect()
}

/// Of an event, what it says of a field.
fn field(event: &str, name: &str) -> String {
    let start = event.find(&format!("{name}=\""));
    let value = start.map(|start| &event[start + name.len() + 2..]);
    let value = value.and_then(|value| value.split_once('"'));
    value.map_or("-", |(value, _)| value).to_owned()
}

/// The calls that were logged: outcome, miss, reason.
fn logged(log: &Log) -> Vec<String> {
    let mut calls = log.said(Level::TRACE, "redis-func-cache: a call");
    calls.extend(log.said(Level::TRACE, "redis-func-cache: a batch"));
    let fields = |event: &String| ["outcome", "miss", "reason"].map(|name| field(event, name));
    for event in &calls {
        assert!(
            !event.contains("918273645"),
            "an argument or value: {event}"
        );
        assert!(event.contains("elapsed_us="), "{event}");
        let outcome = field(event, "outcome");
        let mut outcomes = outcome.split([',', ' ']);
        let has_run = outcomes.any(|outcome| ["led", "unavailable"].contains(&outcome));
        assert_eq!(event.contains("execution_us="), has_run, "{event}");
    }
    calls.iter().map(|event| fields(event).join(" ")).collect()
}

/// What calls are to be logged and counted as.
async fn are(
    cache: &Cache,
    outcomes: &[&str],
    counters: &[(&'static str, u64)],
    calls: impl Future<Output = ()>,
) {
    let log = Log::start();
    let ((), stats) = cache.with_stats(calls).await;
    let expected: BTreeMap<_, _> = counters.iter().copied().collect();
    assert_eq!(counted(stats), expected, "{outcomes:?}");
    let mut logged = logged(&log);
    logged.sort_unstable();
    assert_eq!(logged, outcomes);
}

/// The counters of a call that finds no entry and runs its method, but for what becomes of the value.
fn led(end: &'static str) -> [(&'static str, u64); 7] {
    ["count", "read", "miss", "absent", "led", "exec", end].map(|name| (name, 1))
}

async fn each_call_has_one_outcome_and_each_value_that_is_not_stored_a_reason(place: Place) {
    let clock = Arc::new(AtomicU64::new(START_US));
    let cache = place.builder().manual_clock(clock.clone());
    let cache = cache.max_entry_bytes(1000).build().unwrap();
    let subject = place.subject(&cache, &Arc::default());
    let call = async |method| drop(subject.call(method, CANARY).await);
    for method in [Method::Minutes10, Method::Blocking, Method::Fallible] {
        are(&cache, &["led absent -"], &led("write"), call(method)).await;
        let hit = [("count", 1), ("read", 1), ("hit", 1)];
        are(&cache, &["hit - -"], &hit, call(method)).await;
    }
    clock.fetch_add(10 * MINUTE_US, Ordering::SeqCst);
    let expired = led("write").map(|(name, n)| match name {
        "absent" => ("expired", n),
        _ => (name, n),
    });
    are(
        &cache,
        &["led expired -"],
        &expired,
        call(Method::Minutes10),
    )
    .await;

    let large = led("too_large").into_iter().chain([("error", 1)]);
    let large: Vec<_> = large.collect();
    are(
        &cache,
        &["led absent too_large"],
        &large,
        call(Method::Large),
    )
    .await;
    let odd = led("unencodable").into_iter().chain([("error", 1)]);
    let odd: Vec<_> = odd.collect();
    are(
        &cache,
        &["led absent unencodable"],
        &odd,
        call(Method::Unwritable),
    )
    .await;
    if place.offers(Need::CacheIf) {
        for method in [Method::Even, Method::BlockingEven] {
            are(
                &cache,
                &["led absent refused"],
                &led("refused"),
                call(method),
            )
            .await;
        }
    }
    if place.offers(Need::TtlFn) {
        let call = async { drop(subject.call(Method::OwnTtl, 0).await) };
        are(&cache, &["led absent zero_ttl"], &led("refused"), call).await;
    }
    modes_have_outcomes(&subject).await;
    executions_that_end_otherwise_have_outcomes(&subject).await;

    cache.close().await;
    let away = [
        "count",
        "read",
        "miss",
        "error",
        "unavailable",
        "exec",
        "unstored",
    ];
    let away = away.map(|name| (name, 1));
    for method in [Method::Other, Method::Blocking] {
        are(
            &cache,
            &["unavailable unavailable store"],
            &away,
            call(method),
        )
        .await;
    }
}

async fn modes_have_outcomes(subject: &Subject) {
    let cache = &subject.cache;
    let call = async || drop(subject.call(Method::Plain, CANARY).await);
    let read_only = cache.read_only(call());
    are(cache, &["led absent mode"], &led("read_only"), read_only).await;
    let bypass = [("count", 1), ("bypass", 1), ("exec", 1)];
    are(cache, &["bypass - mode"], &bypass, cache.disable_rw(call())).await;
    cache.set_enabled(false);
    let disabled = [("count", 1), ("disabled", 1), ("exec", 1)];
    are(cache, &["disabled - disabled"], &disabled, call()).await;
    cache.set_enabled(true);
    let in_transaction = cache.after_commit(async {
        subject
            .entry(Method::Plain, CANARY)
            .invalidate()
            .await
            .unwrap();
        call().await;
        Ok::<_, ()>(())
    });
    let in_transaction = in_transaction.map(Result::unwrap);
    are(cache, &["bypass - transaction"], &bypass, in_transaction).await;
    let write_only = ["count", "led", "exec", "write"].map(|name| (name, 1));
    are(cache, &["led - -"], &write_only, cache.write_only(call())).await;
}

async fn executions_that_end_otherwise_have_outcomes(subject: &Subject) {
    let (cache, source) = (&subject.cache, &subject.source);
    let call = async |method| drop(subject.call(method, CANARY + 1).await);
    source.runs_from_now_on(|_| async { Err(Failure) });
    are(
        cache,
        &["led absent failed"],
        &led("failed"),
        call(Method::Fallible),
    )
    .await;
    source.runs_from_now_on(|_| async { panic!("a run that panics") });
    let panics = async {
        let call = AssertUnwindSafe(call(Method::Fallible));
        assert!(call.catch_unwind().await.is_err());
    };
    are(cache, &["led absent failed"], &led("failed"), panics).await;

    source.runs_from_now_on(|run| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Some(run.id))
    });
    let both = [("count", 2), ("read", 2), ("miss", 2), ("absent", 2)];
    let both = [
        &both[..],
        &[("led", 1), ("exec", 1), ("write", 1), ("coalesced", 1)],
    ]
    .concat();
    let calls = async {
        tokio::join!(call(Method::Plain), call(Method::Plain));
    };
    are(cache, &["coalesced absent -", "led absent -"], &both, calls).await;

    source.runs_from_now_on(|_| std::future::pending());
    let begun = source.runs();
    let cancelled = ["count", "read", "miss", "absent", "exec", "cancelled"].map(|name| (name, 1));
    let dropped = async {
        let runs = async {
            while source.runs() == begun {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = call(Method::Other) => panic!("it never returns"),
            () = runs => {}
        }
    };
    are(cache, &["cancelled absent -"], &cancelled, dropped).await;

    let other = subject.clone();
    source.runs_from_now_on(move |run| {
        let subject = other.clone();
        async move {
            subject
                .entry(Method::Size8, run.id)
                .invalidate()
                .await
                .unwrap();
            Ok(Some(run.id))
        }
    });
    are(
        cache,
        &["led absent fenced"],
        &led("fenced"),
        call(Method::Size8),
    )
    .await;

    let (other, is_inside) = (subject.clone(), Arc::new(AtomicBool::new(false)));
    source.runs_from_now_on(move |run| {
        let (subject, is_inside) = (other.clone(), is_inside.clone());
        async move {
            if !is_inside.swap(true, Ordering::SeqCst) {
                subject.call(Method::Size3, run.id).await.unwrap();
            }
            Ok(Some(run.id))
        }
    });
    let nested = [("count", 2), ("read", 2), ("miss", 2), ("absent", 2)];
    let nested = [
        &nested[..],
        &[("led", 2), ("exec", 2), ("write", 1), ("elsewhere", 1)],
    ]
    .concat();
    let outcomes = ["led absent -", "led absent elsewhere"];
    are(cache, &outcomes, &nested, call(Method::Size3)).await;
    source.runs_from_now_on(|run| async move { Ok(Some(run.id)) });
}

async fn stale_values_and_failed_refreshes_are_counted(place: Place) {
    let clock = Arc::new(AtomicU64::new(START_US));
    let cache = place.builder().manual_clock(clock.clone());
    let cache = cache.build().unwrap();
    let source = Source::new(|run| async move {
        if run.number == 1 {
            Err(Failure)
        } else {
            Ok(Some(run.id))
        }
    });
    let subject = place.subject(&cache, &source);
    let call = async || assert_eq!(subject.call(Method::Stale, 7).await, Ok(Some(7)));
    call().await;
    clock.fetch_add(10 * MINUTE_US, Ordering::SeqCst);
    let log = Log::start();
    call().await;
    assert_eq!(logged(&log), ["stale - -"]);
    let counted = || counted(cache.stats());
    eventually("the refresh has failed", Duration::from_secs(10), || {
        counted().contains_key("refresh_failed")
    });
    let expected = [
        ("count", 2),
        ("read", 2),
        ("hit", 1),
        ("stale", 1),
        ("miss", 1),
        ("absent", 1),
        ("led", 1),
        ("exec", 2),
        ("write", 1),
        ("failed", 1),
        ("refresh_failed", 1),
    ];
    assert_eq!(counted(), BTreeMap::from(expected));
}

/// What can be written and not read.
#[derive(Serialize)]
struct OneWay(u64);

impl<'de> Deserialize<'de> for OneWay {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not to be read"))
    }
}

/// No key.
struct NoKey;

impl Serialize for NoKey {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not to be a key"))
    }
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn one_way(&self, id: u64) -> OneWay {
        OneWay(id)
    }

    async fn by_no_key(&self, _key: &NoKey) -> u64 {
        7
    }

    #[cache(batch = ids, cache_if = is_small)]
    async fn find_many(&self, ids: &[u64]) -> Result<BTreeMap<u64, u64>, Failed> {
        if ids.contains(&0) {
            return Err(Failed);
        }
        Ok(ids.iter().map(|&id| (id, id)).collect())
    }
}

#[derive(Debug, PartialEq)]
struct Failed;

#[allow(clippy::ref_option)] // it is a condition
fn is_small(value: &Option<u64>) -> bool {
    value.is_none_or(|value| value < 100)
}

async fn on_every_store<F: Future<Output = ()>>(test: impl Fn(CacheBuilder) -> F) {
    test(Cache::builder(unique("outcomes")).memory()).await;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("outcomes")).redis(server.url());
        test(cache.deadline(PATIENT)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_be_a_key_has_an_outcome() {
    on_every_store(|builder| async {
        let cache = builder.build().unwrap();
        let repo = Repo.cached(&cache);
        let call = async || assert_eq!(repo.one_way(CANARY).await.0, CANARY);
        are(&cache, &["led absent -"], &led("write"), call()).await;
        let unreadable = led("write").map(|(name, n)| match name {
            "absent" => ("undecodable", n),
            _ => (name, n),
        });
        are(&cache, &["led unreadable -"], &unreadable, call()).await;
        let bypass = [("count", 1), ("bypass", 1), ("exec", 1)];
        let call = async { assert_eq!(repo.by_no_key(&NoKey).await, 7) };
        are(&cache, &["bypass - key"], &bypass, call).await;
    })
    .await;
}

#[tokio::test]
async fn each_item_of_a_batch_has_an_outcome() {
    on_every_store(|builder| async {
        let cache = builder.build().unwrap();
        let repo = Repo.cached(&cache);
        let call = async |ids: &[u64]| drop(repo.find_many(ids).await);
        let first = [
            ("count", 1),
            ("read", 3),
            ("miss", 3),
            ("absent", 3),
            ("led", 3),
        ];
        let first = [&first[..], &[("exec", 1), ("write", 2), ("refused", 1)]].concat();
        let outcomes = ["led 3 absent 3 refused 1"];
        are(&cache, &outcomes, &first, call(&[1, 2, CANARY])).await;
        let second = [
            ("count", 1),
            ("read", 3),
            ("hit", 2),
            ("miss", 1),
            ("absent", 1),
        ];
        let second = [&second[..], &[("exec", 1), ("led", 1), ("write", 1)]].concat();
        let outcomes = ["hit 2, led 1 absent 1 -"];
        are(&cache, &outcomes, &second, call(&[1, 2, 3])).await;
        let failed = [
            ("count", 1),
            ("read", 2),
            ("hit", 1),
            ("miss", 1),
            ("absent", 1),
        ];
        let failed = [&failed[..], &[("exec", 1), ("led", 1), ("failed", 1)]].concat();
        let outcomes = ["hit 1, led 1 absent 1 failed 1"];
        are(&cache, &outcomes, &failed, call(&[1, 0])).await;
        let bypass = [("count", 1), ("bypass", 1), ("exec", 1)];
        let off = cache.disable_rw(call(&[1]));
        are(&cache, &["bypass - mode"], &bypass, off).await;
    })
    .await;
}

#[test]
fn statistics_iterate_and_serialize_under_the_same_names() {
    let stats = Stats::default();
    let json = serde_json::to_value(stats).unwrap();
    let fields = json.as_object().unwrap();
    assert_eq!(stats.iter().count(), fields.len());
    for (name, n) in stats.iter() {
        assert_eq!(fields[name], n);
    }
    for name in ["failed", "refused", "fenced", "refresh_failed"] {
        assert!(fields.contains_key(name), "{name}");
    }
}
