//! Values that are read manually and stored under a fencing token, and what `inspect` tells of an entry.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis_func_cache::{Cache, CacheExt as _, Codec, ErrorKind, cache_impl};
use support::{Server, unique};

use crate::entry_point::{Method, Place, Source, every_entry_point};
use crate::fencing::{OVERTAKES, Row};

every_entry_point! {
    a_value_read_manually_is_stored_unless_something_has_overtaken_it;
    a_call_that_stores_a_value_overtakes_a_token;
    a_token_that_is_dropped_is_given_back;
    a_token_of_another_entry_is_an_error;
    a_put_that_is_overtaken_leaves_no_older_value;
    inspect_tells_of_the_entry_and_not_of_its_value;
}

async fn a_value_read_manually_is_stored_unless_something_has_overtaken_it(place: Place) {
    for is_other_process in [false, true] {
        for how in OVERTAKES.into_iter().filter(|how| how.is_offered(&place)) {
            let [cache, other] = place.of_two_processes(|builder| builder);
            let other = if is_other_process {
                other
            } else {
                cache.clone()
            };
            let (row, source) = Row::slow();
            let (subject, others) = (
                place.subject(&cache, &source),
                place.subject(&other, &source),
            );
            let entry = subject.entry(Method::Plain, 1);
            let token = entry.begin().await.unwrap();
            assert!(entry.put_if_current((Some(7), token)).await.unwrap());
            assert_eq!(entry.peek().await.unwrap(), Some(Some(7)));

            // Reads 0, before the write.
            let token = entry.begin().await.unwrap();
            row.set(1);
            how.happens(&row, &others).await;
            let stored = entry.put_if_current((Some(0), token)).await.unwrap();
            assert!(!stored, "{how:?} by another process: {is_other_process}");
            let found = entry.peek().await.unwrap();
            assert!([None, Some(Some(1))].contains(&found), "{how:?}: {found:?}");

            // Of two tokens, the later one counts.
            let early = entry.begin().await.unwrap();
            let theirs = others.entry(Method::Plain, 1);
            let late = theirs.begin().await.unwrap();
            assert!(!entry.put_if_current((Some(2), early)).await.unwrap());
            assert!(theirs.put_if_current((Some(3), late)).await.unwrap());
            assert_eq!(cache.stats().error, 0);
        }
    }
}

async fn a_call_that_stores_a_value_overtakes_a_token(place: Place) {
    let cache = place.builder().build().unwrap();
    let subject = place.subject(&cache, &Arc::default());
    let entry = subject.entry(Method::Plain, 1);
    let token = entry.begin().await.unwrap();
    // It does not wait for what it may itself be part of.
    assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(1)));
    assert!(!entry.put_if_current((Some(7), token)).await.unwrap());
    assert_eq!(entry.peek().await.unwrap(), Some(Some(1)));
}

async fn a_token_that_is_dropped_is_given_back(place: Place) {
    let [cache, other] = place.of_two_processes(|builder| builder);
    let subject = place.subject(&cache, &Arc::default());
    let others = place.subject(&other, &Arc::default());
    let token = subject.entry(Method::Plain, 1).begin().await.unwrap();
    let call = others.spawn(Method::Plain, 1);
    if let Some(server) = place.server() {
        // It waits for the value.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!call.is_finished());
        assert_eq!(server.leases(), 1);
    }
    drop(token);
    assert_eq!(call.await.unwrap(), Ok(Some(1)));
    let stored = subject.entry(Method::Plain, 1).peek().await.unwrap();
    assert_eq!(stored, Some(Some(1)));
}

async fn a_token_of_another_entry_is_an_error(place: Place) {
    let caches = [(); 2].map(|()| place.builder().build().unwrap());
    let [subject, others] = caches
        .each_ref()
        .map(|cache| place.subject(cache, &Arc::default()));
    let entry = subject.entry(Method::Plain, 1);
    let elsewhere = [
        subject.entry(Method::Plain, 2),
        subject.entry(Method::Other, 1),
        others.entry(Method::Plain, 1),
    ];
    for other in elsewhere {
        entry.put(Some(5)).await.unwrap();
        let token = other.begin().await.unwrap();
        let refused = entry.put_if_current((Some(7), token)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Token);
        let text = refused.to_string();
        assert!(text.contains("another entry; call `begin` on"), "{text}");
        assert_eq!(entry.peek().await.unwrap(), Some(Some(5)));
        // It was given back.
        assert_eq!(other.peek().await.unwrap(), None);
        let token = other.begin().await.unwrap();
        assert!(other.put_if_current((Some(8), token)).await.unwrap());
    }
}

/// Where what has overtaken it comes to nothing: `put` has returned `Ok`, so what it was to replace is gone.
async fn a_put_that_is_overtaken_leaves_no_older_value(place: Place) {
    let [cache, other] = place.of_two_processes(|builder| builder);
    let subject = place.subject(&cache, &Arc::default());
    let others = place.subject(&other, &Arc::default());
    let mut overtaken = 0;
    for round in 0..300 {
        let entry = subject.entry(Method::Plain, round);
        entry.put(Some(0)).await.unwrap();
        let theirs = others.entry(Method::Plain, round);
        let (put, begun) = tokio::join!(entry.put(Some(1)), async {
            tokio::time::sleep(Duration::from_micros(round % 30 * 20)).await;
            theirs.begin().await
        });
        put.unwrap();
        drop(begun.unwrap());
        let found = entry.peek().await.unwrap();
        assert!([None, Some(Some(1))].contains(&found), "{found:?}");
        overtaken += u64::from(found.is_none());
    }
    if place.server().is_some() {
        assert!(overtaken > 0, "no put was overtaken");
    }
}

async fn inspect_tells_of_the_entry_and_not_of_its_value(place: Place) {
    let cache = place.builder().build().unwrap();
    let source = Source::new(|run| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Some(run.id))
    });
    let subject = place.subject(&cache, &source);
    let id = 987_654_321_987;
    let entry = subject.entry(Method::Minutes10, id);
    assert!(entry.inspect().await.unwrap().is_none());
    let before = SystemTime::now() - Duration::from_secs(1);
    subject.call(Method::Minutes10, id).await.unwrap();
    let hits = cache.stats().hit;
    let inspection = entry.inspect().await.unwrap().unwrap();
    let after = SystemTime::now() + Duration::from_secs(1);
    assert!(
        (before..after).contains(&inspection.stored_at),
        "{inspection:?}"
    );
    let left = inspection.expires_in.unwrap();
    let whole = Duration::from_secs(600);
    assert!(left <= whole && left > whole / 2, "{inspection:?}");
    assert!(matches!(inspection.codec, Codec::Cbor));
    // A header, and nine bytes of CBOR.
    assert!((60..200).contains(&inspection.size), "{inspection:?}");
    let cost = Duration::from_millis(20)..Duration::from_secs(5);
    assert!(cost.contains(&inspection.cost), "{inspection:?}");
    let is_hex = |c: char| c.is_ascii_hexdigit();
    assert!((4..=16).contains(&inspection.build.len()) && inspection.build.chars().all(is_hex));
    let shown = format!("{inspection:?}");
    assert!(!shown.contains(&id.to_string()), "{shown}");
    assert!(
        shown.contains("stored_at") && shown.contains("build"),
        "{shown}"
    );
    assert_eq!(cache.stats().hit, hits);

    // The time since `begin` is what a value from outside has cost.
    let token = entry.begin().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(entry.put_if_current((Some(3), token)).await.unwrap());
    let inspection = entry.inspect().await.unwrap().unwrap();
    assert!(
        inspection.cost >= Duration::from_millis(50),
        "{inspection:?}"
    );
}

struct Repo;

#[cache_impl(ttl = "5m")]
impl Repo {
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, id * 2)).collect()
    }

    async fn slow(&self, id: u64) -> u64 {
        id
    }
}

#[tokio::test]
async fn handles_of_batch_methods_have_tokens() {
    let cache = Cache::builder("tokens").build().unwrap();
    let repo = Repo.cached(&cache);
    let entry = repo.entry().find_many(7);
    let token = entry.begin().await.unwrap();
    assert!(entry.put_if_current(&Some(70), token).await.unwrap());
    assert_eq!(repo.find_many(&[7]).await, HashMap::from([(7, 70)]));
    let token = entry.begin().await.unwrap();
    entry.invalidate().await.unwrap();
    assert!(!entry.put_if_current(&Some(70), token).await.unwrap());
    assert!(entry.inspect().await.unwrap().is_none());
    assert_eq!(repo.find_many(&[7]).await, HashMap::from([(7, 14)]));
}

/// Other processes wait for the value for as long as it takes, and store none of their own.
#[tokio::test]
async fn a_token_is_renewed_while_it_is_held() {
    let server = Server::start();
    let name = unique("tokens");
    let [repo, other] = [(); 2].map(|()| {
        let cache = Cache::builder(&name).redis(server.url()).build().unwrap();
        Repo.cached(&cache)
    });
    let entry = repo.entry().slow(1);
    let token = entry.begin().await.unwrap();
    let call = tokio::spawn(async move { other.slow(1).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!call.is_finished());
    assert!(entry.put_if_current(&7, token).await.unwrap());
    assert_eq!(call.await.unwrap(), 7);
}
