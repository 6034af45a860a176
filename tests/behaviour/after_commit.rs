//! Invalidations inside a transaction are applied after its commit, and not before: through every entry point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::Cache;
use tokio::sync::Semaphore;

use crate::entry_point::{Failure, Method, Need, Place, Source, Subject, Write, every_entry_point};

every_entry_point! {
    invalidations_wait_for_the_end_of_the_transaction;
    a_transaction_reads_its_own_writes_and_keeps_them_from_others;
    an_inner_transaction_hands_its_invalidations_to_the_outer_one;
    transactions_of_several_caches_nest;
    tasks_that_are_spawned_are_in_no_transaction;
    a_write_that_is_dropped_inside_may_have_written needs DeclaredInvalidations;
}

every_entry_point! {
    blocking:
    a_transaction_of_a_closure_waits_as_well;
}

/// What invalidates the entry of 1.
#[derive(Debug, Clone, Copy)]
enum Way {
    Handle,
    AllHandle,
    Declared,
    DeclaredAll,
}

fn ways(place: &Place) -> impl Iterator<Item = Way> + use<> {
    let declares = place.offers(Need::DeclaredInvalidations);
    [Way::Handle, Way::AllHandle, Way::Declared, Way::DeclaredAll]
        .into_iter()
        .filter(move |way| declares || matches!(way, Way::Handle | Way::AllHandle))
}

impl Way {
    async fn invalidate(self, subject: &Subject) {
        match self {
            Self::Handle => {
                let is_removed = subject.entry(Method::Plain, 1).invalidate().await;
                assert!(!is_removed.unwrap(), "nothing is removed yet");
            }
            Self::AllHandle => subject.invalidate_all(Method::Plain).await.unwrap(),
            Self::Declared => subject.write(Write::One, 1).await.unwrap(),
            Self::DeclaredAll => subject.write(Write::All, 1).await.unwrap(),
        }
    }
}

/// A row, what reads it, and two processes that share a cache. The entry of 1 is stored.
struct Test {
    row: Arc<AtomicU64>,
    cache: Cache,
    subject: Subject,
    others: Subject,
}

impl Test {
    async fn new(place: &Place) -> Self {
        let [cache, other] = place.of_two_processes(|builder| builder);
        let row = Arc::<AtomicU64>::default();
        let its = row.clone();
        let source = Source::new(move |_| {
            let value = its.load(Ordering::SeqCst);
            async move { Ok(Some(value)) }
        });
        let subject = place.subject(&cache, &source);
        let others = place.subject(&other, &source);
        assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(0)));
        Self {
            row,
            cache,
            subject,
            others,
        }
    }

    fn set(&self, value: u64) {
        self.row.store(value, Ordering::SeqCst);
    }

    /// What is stored, as it is outside of the transaction: on a thread of its own.
    fn stored(&self) -> Option<u64> {
        let others = self.others.clone();
        let peek = move || pollster::block_on(others.entry(Method::Plain, 1).peek());
        let peeked = std::thread::spawn(peek).join().unwrap();
        peeked.unwrap().flatten()
    }

    async fn is_removed(&self, why: &str) {
        for _ in 0..500 {
            if self.stored().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{why}: the entry is still there");
    }
}

async fn invalidations_wait_for_the_end_of_the_transaction(place: Place) {
    for way in ways(&place) {
        for end in [Ok(3), Err("rolled back")] {
            let test = Test::new(&place).await;
            let ended = test.cache.after_commit(async {
                test.set(1);
                way.invalidate(&test.subject).await;
                assert_eq!(test.stored(), Some(0), "{way:?}");
                end
            });
            assert_eq!(ended.await, end);
            let left = test.stored();
            assert_eq!(left, end.is_err().then_some(0), "{way:?}, {end:?}");
            assert_eq!(test.cache.stats().error, 0);
        }
        for panics in [true, false] {
            let test = Arc::new(Test::new(&place).await);
            let invalidated = Arc::new(Semaphore::new(0));
            let (its, signal) = (test.clone(), invalidated.clone());
            let task = tokio::spawn(async move {
                let transaction = its.cache.after_commit(async {
                    way.invalidate(&its.subject).await;
                    assert_eq!(its.stored(), Some(0), "{way:?}");
                    signal.add_permits(1);
                    assert!(!panics, "a bug in the transaction");
                    std::future::pending::<Result<(), ()>>().await
                });
                transaction.await
            });
            invalidated.acquire().await.unwrap().forget();
            task.abort();
            assert!(task.await.is_err());
            test.is_removed(&format!("{way:?}, panics: {panics}")).await;
        }
    }
}

async fn a_transaction_reads_its_own_writes_and_keeps_them_from_others(place: Place) {
    for way in ways(&place) {
        let test = Test::new(&place).await;
        let subject = &test.subject;
        let inside = test.cache.after_commit(async {
            let call = || subject.call(Method::Plain, 1);
            assert_eq!(call().await, Ok(Some(0)), "nothing was invalidated yet");
            assert_eq!(subject.source.runs(), 1);
            test.set(1);
            way.invalidate(subject).await;
            for runs in [2, 3] {
                assert_eq!(call().await, Ok(Some(1)), "{way:?}");
                assert_eq!(subject.source.runs(), runs, "{way:?}");
            }
            let entry = subject.entry(Method::Plain, 1);
            assert_eq!(entry.peek().await.unwrap(), None);
            assert_eq!(entry.ttl().await.unwrap(), None);
            assert!(entry.inspect().await.unwrap().is_none());
            entry.put(Some(7)).await.unwrap();
            let token = entry.begin().await.unwrap();
            assert!(!entry.put_if_current((Some(7), token)).await.unwrap());
            if place.offers(Need::Refresh) {
                assert_eq!(entry.refresh().await, Ok(Some(1)));
            }
            assert_eq!(test.stored(), Some(0), "{way:?}");
            // Of other entries everything is as it always is.
            assert_eq!(subject.call(Method::Other, 1).await, Ok(Some(1)));
            let other = test.others.entry(Method::Other, 1).peek().await;
            assert_eq!(other.unwrap(), Some(Some(1)));
            // So it is of this entry, for others.
            let runs = subject.source.runs();
            assert_eq!(
                test.others.spawn(Method::Plain, 1).await.unwrap(),
                Ok(Some(0))
            );
            assert_eq!(subject.source.runs(), runs);
            Ok::<_, ()>(())
        });
        inside.await.unwrap();
        assert_eq!(test.stored(), None);
        assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(1)));
        assert_eq!(test.stored(), Some(1));
    }
    joins_no_other_call(&place).await;
}

/// That may have begun before the write, and may be what the transaction itself keeps from going on.
async fn joins_no_other_call(place: &Place) {
    let test = Test::new(place).await;
    test.subject
        .entry(Method::Plain, 1)
        .invalidate()
        .await
        .unwrap();
    let (began, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let its = (began.clone(), go_on.clone());
    test.subject.source.runs_from_now_on(move |_| {
        let (began, go_on) = its.clone();
        async move {
            began.add_permits(1);
            go_on.acquire().await.unwrap().forget();
            Ok(Some(0))
        }
    });
    let reader = test.subject.spawn(Method::Plain, 1);
    began.acquire().await.unwrap().forget();
    test.subject
        .source
        .runs_from_now_on(|_| async { Ok(Some(1)) });
    let inside = test.cache.after_commit(async {
        let entry = test.subject.entry(Method::Plain, 1);
        assert!(!entry.invalidate().await.unwrap());
        let call = test.subject.call(Method::Plain, 1);
        let call = tokio::time::timeout(Duration::from_secs(5), call).await;
        assert_eq!(call, Ok(Ok(Some(1))));
        Ok::<_, ()>(())
    });
    inside.await.unwrap();
    go_on.add_permits(1);
    assert_eq!(reader.await.unwrap(), Ok(Some(0)));
    assert_eq!(test.stored(), None, "the reader was overtaken");
}

async fn an_inner_transaction_hands_its_invalidations_to_the_outer_one(place: Place) {
    for way in ways(&place) {
        for (inner, outer) in [(true, true), (true, false), (false, true), (false, false)] {
            let test = Test::new(&place).await;
            let end = |is_ok: bool| if is_ok { Ok(()) } else { Err(()) };
            let ended = test.cache.after_commit(async {
                let inside = test.cache.after_commit(async {
                    way.invalidate(&test.subject).await;
                    end(inner)
                });
                assert_eq!(inside.await, end(inner));
                assert_eq!(test.stored(), Some(0), "{way:?}");
                let peek = test.subject.entry(Method::Plain, 1).peek().await;
                assert_eq!(peek.unwrap().is_none(), inner, "{way:?}");
                end(outer)
            });
            assert_eq!(ended.await, end(outer));
            let is_invalidated = inner && outer;
            let left = test.stored().is_none();
            assert_eq!(left, is_invalidated, "{way:?}: {inner}, {outer}");
        }
        // Whether the inner one has committed is not known: the outer one's end is not waited for.
        let test = Test::new(&place).await;
        let ended = test.cache.after_commit(async {
            let inside = test.cache.after_commit(async {
                way.invalidate(&test.subject).await;
                std::future::pending::<Result<(), ()>>().await
            });
            let late = tokio::time::timeout(Duration::from_millis(50), inside).await;
            assert!(late.is_err());
            test.is_removed("the inner one was dropped").await;
            // A reader from before the commit of the outer one.
            assert_eq!(
                test.others.spawn(Method::Plain, 1).await.unwrap(),
                Ok(Some(0))
            );
            Ok::<_, ()>(())
        });
        ended.await.unwrap();
        assert_eq!(test.stored(), None, "{way:?}");
    }
}

async fn transactions_of_several_caches_nest(place: Place) {
    for way in ways(&place) {
        let [one, two] = [Test::new(&place).await, Test::new(&place).await];
        let ended = one.cache.after_commit(two.cache.after_commit(async {
            way.invalidate(&one.subject).await;
            way.invalidate(&two.subject).await;
            assert_eq!((one.stored(), two.stored()), (Some(0), Some(0)));
            Ok::<_, ()>(())
        }));
        ended.await.unwrap();
        assert_eq!((one.stored(), two.stored()), (None, None));
        // Of a cache without a scope, at once.
        let [one, two] = [Test::new(&place).await, Test::new(&place).await];
        let ended = one.cache.after_commit(async {
            two.subject
                .entry(Method::Plain, 1)
                .invalidate()
                .await
                .unwrap();
            assert_eq!(two.stored(), None);
            Err::<(), _>(Failure)
        });
        assert_eq!(ended.await, Err(Failure));
        assert_eq!(one.stored(), Some(0));
    }
}

async fn tasks_that_are_spawned_are_in_no_transaction(place: Place) {
    let test = Arc::new(Test::new(&place).await);
    let ended = test.cache.after_commit(async {
        let its = test.clone();
        let task = tokio::spawn(async move {
            let entry = its.subject.entry(Method::Plain, 1);
            assert!(entry.invalidate().await.unwrap());
        });
        task.await.unwrap();
        assert_eq!(test.stored(), None);
        Err::<(), _>(())
    });
    assert_eq!(ended.await, Err(()));
}

async fn a_write_that_is_dropped_inside_may_have_written(place: Place) {
    for is_committed in [true, false] {
        let test = Test::new(&place).await;
        let source = &test.subject.source;
        source.writes(|_| std::future::pending());
        let ended = test.cache.after_commit(async {
            let write = test.subject.write(Write::One, 1);
            let late = tokio::time::timeout(Duration::from_millis(30), write).await;
            assert!(late.is_err());
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!(test.stored(), Some(0), "it waits for the commit");
            if is_committed { Ok(()) } else { Err(()) }
        });
        assert_eq!(ended.await.is_ok(), is_committed);
        assert_eq!(test.stored().is_none(), is_committed);
    }
}

fn a_transaction_of_a_closure_waits_as_well(place: &Place) {
    for end in [Ok(3), Err("rolled back")] {
        let test = pollster::block_on(Test::new(place));
        let ended = test.cache.after_commit_sync(|| {
            test.set(1);
            let invalidated = test.subject.entry(Method::Plain, 1);
            assert!(!pollster::block_on(invalidated.invalidate()).unwrap());
            assert_eq!(test.stored(), Some(0));
            let call = pollster::block_on(test.subject.call(Method::Plain, 1));
            assert_eq!(call, Ok(Some(1)));
            end
        });
        assert_eq!(ended, end);
        let left = test.stored();
        assert_eq!(left, end.is_err().then_some(0));
    }
}
