//! Batches and single calls that miss the same ids at the same time compute each of them once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis_func_cache::Cache;
use support::random::Random;
use support::{Server, binaries};

use super::repo::{End, at_once, many, missed, one, repo};
use super::{everywhere, two_caches};

#[tokio::test]
async fn a_batch_runs_for_the_rest_while_a_single_call_computes() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let first = one(&users, 1);
        runs.are(1).await;
        let batch = many(&users, &[1, 2, 3]);
        runs.are(2).await;
        assert_eq!(runs.all()[1], [2, 3]);
        assert!(!batch.is_finished());
        runs.open(1);
        assert_eq!(first.await.unwrap(), Ok(Some(1000)));
        let expected = HashMap::from([(1, 1000), (2, 2001), (3, 3001)]);
        assert_eq!(batch.await.unwrap(), Ok(expected));
        assert_eq!(runs.all().len(), 2);
        assert_eq!(cache.stats().coalesced, 1);
    })
    .await;
}

#[tokio::test]
async fn single_calls_and_batches_follow_a_batch() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let batch = many(&users, &[1, 2, 100]);
        runs.are(1).await;
        let single = one(&users, 2);
        let absent = one(&users, 100);
        let other = many(&users, &[2, 3]);
        runs.are(2).await;
        assert_eq!(runs.all()[1], [3]);
        missed(&cache, 7).await;
        runs.open(1);
        assert_eq!(
            at_once(batch).await,
            Ok(HashMap::from([(1, 1000), (2, 2000)]))
        );
        assert_eq!(at_once(single).await, Ok(Some(2000)));
        assert_eq!(at_once(absent).await, Ok(None));
        assert_eq!(
            at_once(other).await,
            Ok(HashMap::from([(2, 2000), (3, 3001)]))
        );
        assert_eq!(runs.all().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_batch_computes_what_a_cancelled_call_has_left() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let first = one(&users, 1);
        runs.are(1).await;
        let batch = many(&users, &[1, 2]);
        runs.are(2).await;
        runs.open(1);
        runs.gate(7, End::Return);
        first.abort();
        let found = batch.await.unwrap().unwrap();
        assert_eq!(found[&2], 2001);
        assert!(found[&1] == 1002 || found[&1] == 1000, "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn a_lead_that_comes_while_a_batch_runs_is_passed_on() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let first = one(&users, 1);
        runs.are(1).await;
        let gate = runs.gate(2, End::Return);
        let batch = many(&users, &[1, 2]);
        runs.are(2).await;
        let behind = one(&users, 1);
        missed(&cache, 4).await;
        runs.open(1);
        // The gate is gone for later runs; the first one still waits at it, and is cancelled.
        first.abort();
        assert_eq!(at_once(behind).await.map(|found| found.is_some()), Ok(true));
        assert!(!batch.is_finished());
        gate.add_permits(1);
        let found = at_once(batch).await.unwrap();
        assert_eq!(found[&2], 2001);
        assert!(
            runs.all().len() <= 3,
            "the batch takes the value: {:?}",
            runs.all()
        );
    })
    .await;
}

#[tokio::test]
async fn what_another_process_computes_is_waited_for_while_the_rest_is_computed() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let [here, there] = two_caches(&server);
        let (runs, [users, others]) = repo([&here, &there]);
        runs.gate(1, End::Return);
        let elsewhere = one(&others, 1);
        runs.are(1).await;
        let batch = many(&users, &[3, 1, 2]);
        runs.are(2).await;
        assert_eq!(
            runs.all()[1],
            [3, 2],
            "at once, and without what is computed elsewhere"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!batch.is_finished());
        runs.open(1);
        assert_eq!(elsewhere.await.unwrap(), Ok(Some(1000)));
        let expected = HashMap::from([(1, 1000), (2, 2001), (3, 3001)]);
        assert_eq!(at_once(batch).await, Ok(expected));
        assert_eq!(runs.all().len(), 2);
    }
}

#[tokio::test]
async fn a_batch_in_another_process_is_waited_for_as_well() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let [here, there] = two_caches(&server);
        let (runs, [users, others]) = repo([&here, &there]);
        runs.gate(1, End::Return);
        let elsewhere = many(&others, &[1, 2, 3]);
        runs.are(1).await;
        let batch = many(&users, &[2, 4, 3]);
        runs.are(2).await;
        assert_eq!(runs.all()[1], [4]);
        let single = one(&users, 3);
        runs.open(1);
        elsewhere.await.unwrap().unwrap();
        let expected = HashMap::from([(2, 2000), (4, 4001), (3, 3000)]);
        assert_eq!(at_once(batch).await, Ok(expected));
        assert_eq!(at_once(single).await, Ok(Some(3000)));
        assert_eq!(runs.all().len(), 2);
    }
}

/// If two of them waited for each other, a follower would lead after half a second at the earliest.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_overlap_in_any_order_never_wait_for_each_other() {
    everywhere(|builder, server| async move {
        let cache = builder.build().unwrap();
        let caches = match &server {
            Some(server) => two_caches(server),
            None => [cache.clone(), cache.clone()],
        };
        let (_, users) = repo([&caches[0], &caches[1]]);
        for round in 0..40 {
            let started = Instant::now();
            let calls = (0..12).map(|n| {
                let mut random = Random(round * 100 + n);
                let ids: Vec<_> = (0..10).map(|_| 1 + random.draw() % 30).collect();
                let call = many(&users[(n % 2) as usize], &ids);
                async move {
                    if random.draw().is_multiple_of(8) {
                        tokio::time::sleep(Duration::from_micros(random.draw() % 500)).await;
                        call.abort();
                    }
                    let Ok(found) = call.await else { return };
                    let found = found.unwrap();
                    assert!(
                        ids.iter().all(|id| found[id] / 1000 == *id),
                        "{ids:?} {found:?}"
                    );
                }
            });
            join_all(calls.collect::<Vec<_>>()).await;
            let took = started.elapsed();
            assert!(took < Duration::from_millis(450), "{took:?}");
            purge(&caches).await;
        }
    })
    .await;
}

async fn purge(caches: &[Cache; 2]) {
    for cache in caches {
        cache.purge().await.unwrap();
    }
}
