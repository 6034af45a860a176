//! Errors that are answers: `cache_err`, `ttl_err`, `err_value`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Codec, SealKeys, cache_impl};
use serde::{Deserialize, Serialize};
use support::{PATIENT, Server, binaries, unique};
use tokio::sync::Notify;

use crate::entry_point::{Failure, Method, Place, Source, Subject, every_entry_point};

every_entry_point! {
    an_error_that_cache_err_chooses_is_the_answer_for_as_long_as_ttl_err_says needs CacheErr;
    another_error_is_not_stored_and_neither_is_one_that_makes_cache_err_panic needs CacheErr;
    followers_are_given_an_error_that_is_stored_and_run_for_themselves_otherwise needs CacheErr;
    an_error_is_peeked_at_as_nothing_and_gives_way_to_values_and_invalidations needs CacheErr;
    an_error_from_before_an_invalidation_is_not_stored_after_it needs CacheErr;
    a_refresh_by_a_handle_stores_the_error needs CacheErr Refresh;
    a_refresh_replaces_a_stale_value_by_an_error_that_is_an_answer needs CacheErr Refreshes;
    a_refresh_that_fails_otherwise_keeps_the_stale_value needs CacheErr Refreshes;
    one_process_is_given_the_error_that_another_has_stored needs CacheErr;
}

const MINUTE: u64 = 60_000_000;

/// Its methods fail until the test says otherwise.
fn failing(place: &Place) -> (Subject, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let cache = place.builder().manual_clock(clock.clone());
    let source = Source::new(|_| async { Err(Failure) });
    (place.subject(&cache.build().unwrap(), &source), clock)
}

async fn is_error(subject: &Subject, method: Method, id: u64) -> Option<bool> {
    let found = subject.entry(method, id).inspect().await.unwrap();
    found.map(|found| found.is_error)
}

async fn an_error_that_cache_err_chooses_is_the_answer_for_as_long_as_ttl_err_says(place: Place) {
    let (subject, clock) = failing(&place);
    for method in [
        Method::Missing,
        Method::Marked,
        Method::FutureMissing,
        Method::BlockingMissing,
    ] {
        let before = subject.source.runs();
        for _ in 0..3 {
            assert_eq!(subject.call(method, 1).await, Err(Failure), "{method:?}");
        }
        assert_eq!(subject.source.runs() - before, 1, "{method:?}");
        assert_eq!(is_error(&subject, method, 1).await, Some(true));
        clock.fetch_add(9_999_000, Ordering::SeqCst);
        assert_eq!(subject.call(method, 1).await, Err(Failure));
        assert_eq!(subject.source.runs() - before, 1, "{method:?}");
        clock.fetch_add(1_000, Ordering::SeqCst);
        assert_eq!(is_error(&subject, method, 1).await, None);
        assert_eq!(subject.call(method, 1).await, Err(Failure));
        assert_eq!(subject.source.runs() - before, 2, "{method:?}");
    }
    let stats = subject.cache.stats();
    assert_eq!((stats.write, stats.hit, stats.error), (8, 12, 0));
}

async fn another_error_is_not_stored_and_neither_is_one_that_makes_cache_err_panic(place: Place) {
    let (subject, _) = failing(&place);
    for method in [Method::OtherErr, Method::PanickingErr] {
        let before = subject.source.runs();
        for _ in 0..2 {
            assert_eq!(subject.call(method, 1).await, Err(Failure), "{method:?}");
        }
        assert_eq!(subject.source.runs() - before, 2, "{method:?}");
        assert_eq!(is_error(&subject, method, 1).await, None);
    }
    assert_eq!(subject.cache.stats().write, 0);
}

async fn followers_are_given_an_error_that_is_stored_and_run_for_themselves_otherwise(
    place: Place,
) {
    let (subject, _) = failing(&place);
    for (method, runs) in [(Method::Missing, 1), (Method::OtherErr, 20)] {
        let before = (subject.source.runs(), subject.cache.stats());
        let gate = Arc::<Notify>::default();
        let its = gate.clone();
        subject.source.runs_from_now_on(move |_| {
            let gate = its.clone();
            async move {
                gate.notified().await;
                gate.notify_one();
                Err(Failure)
            }
        });
        let all_wait = async {
            while subject.cache.stats().miss < before.1.miss + 20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            gate.notify_one();
        };
        let calls = join_all((0..20).map(|_| subject.call(method, 1)));
        let (answers, ()) = join(calls, all_wait).await;
        assert!(answers.iter().all(|answer| *answer == Err(Failure)));
        assert_eq!(subject.source.runs() - before.0, runs, "{method:?}");
        let coalesced = subject.cache.stats().coalesced - before.1.coalesced;
        assert_eq!(coalesced, 20 - runs, "{method:?}");
    }
}

async fn an_error_is_peeked_at_as_nothing_and_gives_way_to_values_and_invalidations(place: Place) {
    let (subject, _) = failing(&place);
    for method in [Method::Missing, Method::Marked, Method::BlockingMissing] {
        let fails = || async { assert_eq!(subject.call(method, 1).await, Err(Failure)) };
        fails().await;
        let entry = subject.entry(method, 1);
        assert_eq!(entry.peek().await.unwrap(), None);
        assert_eq!(is_error(&subject, method, 1).await, Some(true));
        assert_eq!(subject.cache.stats().undecodable, 0);
        entry.put(Some(7)).await.unwrap();
        assert_eq!(subject.call(method, 1).await, Ok(Some(7)));
        assert_eq!(is_error(&subject, method, 1).await, Some(false));
        assert!(entry.invalidate().await.unwrap());
        fails().await;
        assert!(entry.invalidate().await.unwrap(), "the error");
        assert_eq!(is_error(&subject, method, 1).await, None);
        fails().await;
        subject.invalidate_all(method).await.unwrap();
        assert_eq!(is_error(&subject, method, 1).await, None);
    }
}

async fn an_error_from_before_an_invalidation_is_not_stored_after_it(place: Place) {
    let (subject, _) = failing(&place);
    let (runs, gate) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let its = (runs.clone(), gate.clone());
    subject.source.runs_from_now_on(move |_| {
        let (runs, gate) = its.clone();
        async move {
            runs.notify_one();
            gate.notified().await;
            Err(Failure)
        }
    });
    let call = subject.spawn(Method::Missing, 1);
    runs.notified().await;
    let entry = subject.entry(Method::Missing, 1);
    entry.invalidate().await.unwrap();
    gate.notify_one();
    assert_eq!(call.await.unwrap(), Err(Failure));
    assert_eq!(is_error(&subject, Method::Missing, 1).await, None);
}

async fn a_refresh_by_a_handle_stores_the_error(place: Place) {
    let (subject, _) = failing(&place);
    for method in [Method::Missing, Method::Marked, Method::BlockingMissing] {
        let before = subject.source.runs();
        let entry = subject.entry(method, 1);
        entry.put(Some(7)).await.unwrap();
        assert_eq!(entry.refresh().await, Err(Failure), "{method:?}");
        assert_eq!(is_error(&subject, method, 1).await, Some(true));
        assert_eq!(subject.call(method, 1).await, Err(Failure));
        assert_eq!(subject.source.runs() - before, 1, "{method:?}");
    }
    let entry = subject.entry(Method::OtherErr, 1);
    entry.put(Some(7)).await.unwrap();
    assert_eq!(entry.refresh().await, Err(Failure));
    assert_eq!(entry.peek().await.unwrap(), Some(Some(7)));
}

async fn a_refresh_replaces_a_stale_value_by_an_error_that_is_an_answer(place: Place) {
    let (subject, clock) = failing(&place);
    for method in [Method::StaleMissing, Method::BlockingStaleMissing] {
        let before = subject.source.runs();
        subject.entry(method, 1).put(Some(7)).await.unwrap();
        clock.fetch_add(11 * MINUTE, Ordering::SeqCst);
        assert_eq!(subject.call(method, 1).await, Ok(Some(7)), "{method:?}");
        while is_error(&subject, method, 1).await != Some(true) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(subject.call(method, 1).await, Err(Failure));
        assert_eq!(subject.source.runs() - before, 1, "{method:?}");
        // It is not served past its own TTL, although values are.
        clock.fetch_add(10_000_000, Ordering::SeqCst);
        subject.source.runs_from_now_on(|_| async { Ok(Some(8)) });
        assert_eq!(subject.call(method, 1).await, Ok(Some(8)), "{method:?}");
        subject.source.runs_from_now_on(|_| async { Err(Failure) });
    }
}

async fn a_refresh_that_fails_otherwise_keeps_the_stale_value(place: Place) {
    let (subject, clock) = failing(&place);
    let method = Method::StaleOtherErr;
    subject.entry(method, 1).put(Some(7)).await.unwrap();
    clock.fetch_add(11 * MINUTE, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(subject.call(method, 1).await, Ok(Some(7)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(subject.source.runs(), 1, "it backs off");
    assert_eq!(is_error(&subject, method, 1).await, Some(false));
}

async fn one_process_is_given_the_error_that_another_has_stored(place: Place) {
    let [here, there] = place.of_two_processes(|builder| builder);
    let source = Source::new(|_| async { Err(Failure) });
    let [here, there] = [&here, &there].map(|cache| place.subject(cache, &source));
    for method in [Method::Missing, Method::Marked] {
        let before = source.runs();
        assert_eq!(here.call(method, 1).await, Err(Failure));
        assert_eq!(there.call(method, 1).await, Err(Failure));
        assert_eq!(source.runs() - before, 1, "{method:?}");
    }
}

/// An error that says more than that there was one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Refusal {
    Missing { id: u64, hint: String },
    Forbidden(Vec<u8>),
    Busy,
}

impl Refusal {
    fn is_answer(&self) -> bool {
        !matches!(self, Self::Busy)
    }
}

/// What cannot be stored, or sent to another thread.
#[derive(Debug)]
struct Opaque(#[allow(dead_code)] u64);

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

#[cache_impl(ttl = "1h")]
impl Repo {
    #[cache(cache_err = Refusal::is_answer, ttl_err = "10m")]
    async fn find(&self, id: u64) -> Result<Option<u64>, Refusal> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match id {
            0 => Ok(None),
            1..10 => Err(Refusal::Missing {
                id,
                hint: "y".repeat(2_000),
            }),
            10..20 => Err(Refusal::Forbidden(vec![0, 255])),
            20..30 => Err(Refusal::Busy),
            id => Ok(Some(id)),
        }
    }

    #[cache(batch = ids, shares = find)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, u64> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|id| (*id, id * 1_000)).collect()
    }

    #[cache(cache_err = Self::is_opaque, ttl_err = "10m", err_value = Self::opaque)]
    async fn opaque_error(&self, id: u64) -> Result<u64, Opaque> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Err(Opaque(id))
    }

    #[nocache]
    fn is_opaque(_: &Opaque) -> bool {
        true
    }

    #[nocache]
    fn opaque() -> Opaque {
        Opaque(u64::MAX)
    }
}

fn runs_of(repo: &CachedRepo) -> u64 {
    CachedRepo::inner(repo).runs.load(Ordering::SeqCst)
}

type Setting = fn(CacheBuilder) -> CacheBuilder;

/// On both stores, with every codec, plain, compressed and sealed.
fn on_every_store(body: &impl AsyncFn(&Cache, &str)) {
    let settings: [(&str, Setting); 8] = [
        ("cbor", |builder| builder),
        ("json", |builder| builder.codec(Codec::Json)),
        ("msgpack", |builder| builder.codec(Codec::MsgPack)),
        ("bson", |builder| builder.codec(Codec::Bson)),
        ("yaml", |builder| builder.codec(Codec::Yaml)),
        ("postcard", |builder| builder.codec(Codec::Postcard)),
        ("compressed", |builder| builder.compress_above(1)),
        ("sealed", |builder| {
            builder.sealed(SealKeys::new(1, [7; 32])).compress_above(64)
        }),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = |builder: &dyn Fn() -> CacheBuilder, store: &str| {
        for (name, set) in settings {
            let cache = set(builder()).deadline(PATIENT).build().unwrap();
            runtime.block_on(body(&cache, &format!("{name} on {store}")));
        }
    };
    on(&|| Cache::builder(unique("errors")).memory(), "memory");
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let url = server.url();
        on(
            &|| Cache::builder(unique("errors")).redis(&url),
            &binary.to_string(),
        );
    }
}

#[test]
fn errors_come_back_whole_from_every_codec_and_are_never_taken_for_values() {
    on_every_store(&async |cache: &Cache, place: &str| {
        let repo = Repo::default().cached(cache);
        for id in [0, 1, 10, 20, 30] {
            let first = repo.find(id).await;
            let runs = runs_of(&repo);
            assert_eq!(repo.find(id).await, first, "{id}, {place}");
            let again = runs_of(&repo) - runs;
            assert_eq!(again, u64::from(id == 20), "{id}, {place}");
            let stored = repo.entry().find(id).peek().await.unwrap();
            assert_eq!(stored, first.ok(), "{id}, {place}");
        }
        let runs = runs_of(&repo);
        let first = repo.opaque_error(3).await.unwrap_err();
        assert_eq!(first.0, 3, "{place}");
        let found = repo.opaque_error(3).await.unwrap_err();
        assert_eq!(found.0, u64::MAX, "{place}");
        assert_eq!(runs_of(&repo), runs + 1);
        assert_eq!(cache.stats().undecodable, 0, "{place}");
    });
}

#[test]
fn a_batch_that_shares_entries_takes_an_error_for_a_missing_entry() {
    on_every_store(&async |cache: &Cache, place: &str| {
        let repo = Repo::default().cached(cache);
        assert!(repo.find(1).await.is_err());
        let found = repo.find_many(&[1, 40]).await;
        assert_eq!(found, HashMap::from([(1, 1_000), (40, 40_000)]), "{place}");
        assert_eq!(repo.find(1).await, Ok(Some(1_000)), "{place}");
        assert_eq!(cache.stats().undecodable, 0, "{place}");
        assert_eq!(runs_of(&repo), 2, "{place}");
    });
}
