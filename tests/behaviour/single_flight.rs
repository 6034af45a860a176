//! In one process, calls that miss at the same time run the method once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis_func_cache::Cache;
use support::unique;
use tokio::sync::Notify;

use crate::entry_point::{Answer, Failure, Method, Place, Source, Subject, every_entry_point};

every_entry_point! {
    concurrent_misses_run_the_method_once;
    a_follower_replaces_a_cancelled_leader_at_once;
    a_panic_reaches_only_its_own_caller;
    errors_are_not_shared_and_followers_retry_with_growing_width;
    values_that_cannot_be_shared_are_recomputed_with_growing_width;
    a_method_that_calls_itself_does_not_wait_for_itself;
    calls_that_wait_for_each_other_do_not_deadlock;
    a_call_after_an_invalidation_does_not_join_one_from_before;
    concurrent_misses_run_the_method_once_while_the_store_is_unavailable;
}
every_entry_point! { blocking:
    threads_share_one_execution_of_a_sync_method;
    a_follower_replaces_a_leader_whose_runtime_ends_at_once;
}

/// Far below the timeout of followers: what comes within it was woken.
const AT_ONCE: Duration = Duration::from_millis(400);

/// How many executions are under way, and were at most.
#[derive(Default)]
struct Width {
    now: AtomicU64,
    most: AtomicU64,
}

impl Width {
    /// An execution of 20 ms.
    async fn work(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers with its argument after 20 ms.
fn working() -> (Arc<Source>, Arc<Width>) {
    let width = Arc::<Width>::default();
    let its = width.clone();
    let source = Source::new(move |run| {
        let width = its.clone();
        async move {
            width.work().await;
            Ok(Some(run.id))
        }
    });
    (source, width)
}

/// The first run waits for the gate, which is there to see as soon as it does.
fn stuck_at_first(place: &Place) -> (Subject, Arc<Notify>) {
    let gate = Arc::<Notify>::default();
    let its = gate.clone();
    let source = Source::new(move |run| {
        let gate = its.clone();
        async move {
            if run.number == 0 {
                gate.notified().await;
            }
            Ok(Some(run.id))
        }
    });
    (fresh(place, &source), gate)
}

fn fresh(place: &Place, source: &Arc<Source>) -> Subject {
    place.subject(&place.builder().build().unwrap(), source)
}

async fn together(subject: &Subject, n: usize, method: Method, id: u64) -> Vec<Answer> {
    let calls = (0..n).map(|_| subject.spawn(method, id));
    let ended = join_all(calls.collect::<Vec<_>>()).await.into_iter();
    ended.map(Result::unwrap).collect()
}

async fn concurrent_misses_run_the_method_once(place: Place) {
    let (source, _) = working();
    let subject = fresh(&place, &source);
    one_run_serves_all(&subject, true).await;
    let answers = together(&subject, 20, Method::Large, 2).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Some(2))));
    assert_eq!(subject.source.runs(), 2, "a large value as well");
}

async fn concurrent_misses_run_the_method_once_while_the_store_is_unavailable(place: Place) {
    if place.server().is_none() {
        return;
    }
    let nowhere = Cache::builder(unique("nowhere")).redis("redis://127.0.0.1:1");
    let cache = nowhere.build().unwrap();
    let its = cache.clone();
    // A call that came after the run would run the method again, as nothing is stored.
    let source = Source::new(move |run| {
        let cache = its.clone();
        async move {
            while cache.stats().count < 100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Some(run.id))
        }
    });
    one_run_serves_all(&place.subject(&cache, &source), false).await;
}

async fn one_run_serves_all(subject: &Subject, stored: bool) {
    let answers = together(subject, 100, Method::Plain, 1).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Some(1))));
    assert_eq!(subject.source.runs(), 1);
    let stats = subject.cache.stats();
    assert_eq!((stats.count, stats.exec), (100, 1));
    assert_eq!(stats.coalesced + stats.hit, 99, "{stats:?}");
    assert_eq!(stats.write, u64::from(stored));
}

fn threads_share_one_execution_of_a_sync_method(place: &Place) {
    let source = Source::new(|run| async move {
        std::thread::sleep(Duration::from_millis(20));
        Ok(Some(run.id))
    });
    let subject = fresh(place, &source);
    let barrier = Arc::new(Barrier::new(8));
    let threads = (0..8).map(|_| {
        let (subject, barrier) = (subject.clone(), barrier.clone());
        std::thread::spawn(move || {
            barrier.wait();
            subject.call_blocking(Method::Blocking, 1)
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(Some(1)));
    }
    assert_eq!(source.runs(), 1);
}

async fn a_follower_replaces_a_cancelled_leader_at_once(place: Place) {
    let (subject, _gate) = stuck_at_first(&place);
    let leader = subject.spawn(Method::Plain, 1);
    until_first_run(&subject);
    let followers: Vec<_> = (0..10).map(|_| subject.spawn(Method::Plain, 1)).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    leader.abort();
    let answers = tokio::time::timeout(AT_ONCE, join_all(followers)).await;
    for answer in answers.unwrap() {
        assert_eq!(answer.unwrap(), Ok(Some(1)));
    }
    assert_eq!(subject.source.runs(), 2);
}

fn until_first_run(subject: &Subject) {
    support::eventually("the first run", Duration::from_secs(10), || {
        subject.source.runs() == 1
    });
}

fn a_follower_replaces_a_leader_whose_runtime_ends_at_once(place: &Place) {
    let (subject, _gate) = stuck_at_first(place);
    let leading = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    leading.spawn(subject.call(Method::Plain, 1));
    until_first_run(&subject);
    let follower = {
        let call = subject.call(Method::Plain, 1);
        std::thread::spawn(move || pollster::block_on(call))
    };
    std::thread::sleep(Duration::from_millis(20));
    let ended = Instant::now();
    drop(leading);
    assert_eq!(follower.join().unwrap(), Ok(Some(1)));
    assert!(ended.elapsed() < AT_ONCE, "{:?}", ended.elapsed());
}

async fn a_panic_reaches_only_its_own_caller(place: Place) {
    let (source, width) = working();
    let subject = fresh(&place, &source);
    subject.source.runs_from_now_on(move |run| {
        let width = width.clone();
        async move {
            width.work().await;
            if run.number == 0 {
                // Without a backtrace: to write one takes longer than followers wait.
                std::panic::resume_unwind(Box::new("the first run panics"));
            }
            Ok(Some(run.id))
        }
    });
    let calls: Vec<_> = (0..10).map(|_| subject.spawn(Method::Plain, 1)).collect();
    let ended = join_all(calls).await;
    assert_eq!(ended.iter().filter(|call| call.is_err()).count(), 1);
    assert_eq!(subject.source.runs(), 2);
}

async fn errors_are_not_shared_and_followers_retry_with_growing_width(place: Place) {
    let (source, width) = working();
    let subject = fresh(&place, &source);
    let its = width.clone();
    subject.source.runs_from_now_on(move |_| {
        let width = its.clone();
        async move {
            width.work().await;
            Err(Failure)
        }
    });
    let answers = together(&subject, 40, Method::Fallible, 1).await;
    assert!(answers.iter().all(Result::is_err));
    runs_grew_wider(&subject, &width);
}

async fn values_that_cannot_be_shared_are_recomputed_with_growing_width(place: Place) {
    let (source, width) = working();
    let subject = fresh(&place, &source);
    together(&subject, 40, Method::Unwritable, 1).await;
    runs_grew_wider(&subject, &width);
}

fn runs_grew_wider(subject: &Subject, width: &Width) {
    assert_eq!(subject.source.runs(), 40);
    let most = width.most.load(Ordering::SeqCst);
    assert!((4..=8).contains(&most), "{most} at the same time");
}

/// A source whose runs call the cached methods again.
fn calls_again<F: Future<Output = Answer> + Send + 'static>(
    place: &Place,
    body: impl Fn(Subject, u64, u64) -> F + Send + Sync + 'static,
) -> Subject {
    let itself = Arc::<OnceLock<Subject>>::default();
    let its = itself.clone();
    let source = Source::new(move |run| body(its.get().unwrap().clone(), run.number, run.id));
    let subject = fresh(place, &source);
    assert!(itself.set(subject.clone()).is_ok());
    subject
}

async fn a_method_that_calls_itself_does_not_wait_for_itself(place: Place) {
    // Once more with the same arguments, as deep as the plain method would.
    let subject = calls_again(&place, |subject, number, id| async move {
        if number < 3 {
            return subject.call(Method::Plain, id).await;
        }
        Ok(Some(id))
    });
    let call = tokio::time::timeout(AT_ONCE, subject.call(Method::Plain, 1));
    assert_eq!(call.await.unwrap(), Ok(Some(1)));
}

async fn calls_that_wait_for_each_other_do_not_deadlock(place: Place) {
    let subject = calls_again(&place, |subject, number, id| async move {
        if number < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // In a task of its own, where it cannot be known which call waits for which.
            return subject.spawn(Method::Plain, 1 - id).await.unwrap();
        }
        Ok(Some(id))
    });
    let calls = [0, 1].map(|id| subject.spawn(Method::Plain, id));
    let ended = tokio::time::timeout(Duration::from_secs(20), join_all(calls)).await;
    let ended = ended.expect("no deadlock");
    assert!(ended.into_iter().all(|call| call.unwrap().is_ok()));
}

async fn a_call_after_an_invalidation_does_not_join_one_from_before(place: Place) {
    for of_all_entries in [false, true] {
        let (subject, gate) = stuck_at_first(&place);
        let early = subject.spawn(Method::Plain, 1);
        until_first_run(&subject);
        if of_all_entries {
            subject.invalidate_all(Method::Plain).await.unwrap();
        } else {
            subject.entry(Method::Plain, 1).invalidate().await.unwrap();
        }
        let late = subject.call(Method::Plain, 1);
        let late = tokio::time::timeout(AT_ONCE, late).await;
        assert_eq!(late.expect("it runs by itself"), Ok(Some(1)));
        assert_eq!(subject.cache.stats().write, 1);
        gate.notify_one();
        assert_eq!(early.await.unwrap(), Ok(Some(1)));
        let writes = subject.cache.stats().write;
        assert_eq!(writes, 1, "what was overtaken is not stored");
    }
}
