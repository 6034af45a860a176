//! Batches that fail, panic or are cancelled give back what they have claimed, and invalidations fence their items.

use std::collections::HashMap;
use std::time::Duration;

use support::{Server, binaries};

use super::repo::{End, Failure, at_once, many, missed, one, repo};
use super::{everywhere, two_caches};

/// Calls in this process and in another one go on at once, each for itself.
async fn gives_its_claims_back(end: End, cancel: bool) {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let [here, there] = two_caches(&server);
        let (runs, [users, others]) = repo([&here, &there]);
        let gate = runs.gate(1, end);
        let batch = many(&users, &[1, 2, 3]);
        runs.are(1).await;
        let followers = [one(&users, 2), one(&users, 3)];
        missed(&here, 5).await;
        let elsewhere = many(&others, &[2, 1]);
        missed(&there, 2).await;
        runs.open(0);
        runs.gate(1, End::Return).add_permits(100);
        if cancel {
            batch.abort();
        } else {
            gate.add_permits(1);
        }
        for (follower, id) in followers.into_iter().zip([2, 3]) {
            let found = at_once(follower).await.unwrap().unwrap();
            assert_eq!(found / 1000, id);
        }
        let found = at_once(elsewhere).await.unwrap();
        assert_eq!(found.len(), 2);
        match batch.await {
            Ok(answer) => assert_eq!((answer, end), (Err(Failure), End::Fail)),
            Err(error) => assert_eq!(error.is_cancelled(), cancel),
        }
    }
}

#[tokio::test]
async fn a_failing_batch_gives_its_claims_back() {
    gives_its_claims_back(End::Fail, false).await;
}

#[tokio::test]
async fn a_panicking_batch_gives_its_claims_back() {
    gives_its_claims_back(End::Panic, false).await;
}

#[tokio::test]
async fn a_cancelled_batch_gives_its_claims_back() {
    gives_its_claims_back(End::Return, true).await;
}

#[tokio::test]
async fn what_was_there_stays_when_a_batch_fails() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        users.find_many(&[1, 2]).await.unwrap();
        runs.gate(3, End::Fail).add_permits(1);
        assert_eq!(users.find_many(&[1, 3, 2, 4]).await, Err(Failure));
        runs.open(3);
        let stored = async |id| users.entry().find_many(id).peek().await.unwrap();
        assert_eq!(stored(1).await, Some(Some(1000)));
        assert_eq!(stored(2).await, Some(Some(2000)));
        assert_eq!((stored(3).await, stored(4).await), (None, None));
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_in_the_middle_fences_its_item_alone() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let batch = many(&users, &[1, 2, 3]);
        runs.are(1).await;
        users.entry().find(2).invalidate().await.unwrap();
        let late = one(&users, 2);
        runs.are(2).await;
        assert_eq!(
            at_once(late).await,
            Ok(Some(2001)),
            "it does not join from before"
        );
        runs.open(1);
        let expected = HashMap::from([(1, 1000), (2, 2000), (3, 3000)]);
        assert_eq!(at_once(batch).await, Ok(expected));
        let stored = async |id| users.entry().find(id).peek().await.unwrap();
        assert_eq!(stored(1).await, Some(Some(1000)));
        assert_eq!(stored(2).await, Some(Some(2001)), "the later value stays");
        assert_eq!(stored(3).await, Some(Some(3000)));
    })
    .await;
}

#[tokio::test]
async fn invalidated_by_each_nothing_of_the_batch_is_stored() {
    everywhere(|builder, _| async move {
        let cache = builder.build().unwrap();
        let (runs, [users]) = repo([&cache]);
        runs.gate(1, End::Return);
        let batch = many(&users, &[1, 2, 3]);
        runs.are(1).await;
        users.delete(&[1, 3]).await.unwrap();
        runs.open(1);
        batch.await.unwrap().unwrap();
        let stored = async |id| users.entry().find(id).peek().await.unwrap();
        assert_eq!((stored(1).await, stored(3).await), (None, None));
        assert_eq!(stored(2).await, Some(Some(2000)));
    })
    .await;
}

/// With a server that is gone, or slower than the deadline, the method runs for all.
#[tokio::test]
async fn without_a_store_the_method_runs_for_all() {
    let nowhere = redis_func_cache::Cache::builder("nowhere").redis("redis://127.0.0.1:1");
    let cache = nowhere
        .deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    let (runs, [users]) = repo([&cache]);
    for n in 0..3 {
        let found = users.find_many(&[1, 2, 1]).await.unwrap();
        assert_eq!(found, HashMap::from([(1, 1000 + n), (2, 2000 + n)]));
    }
    assert_eq!(runs.all(), [[1, 2], [1, 2], [1, 2]]);
    assert!(cache.stats().error > 0);
}
