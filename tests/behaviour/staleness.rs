//! Values past their TTL are served while one refresh runs in the background, and no longer than was said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::Cache;
use support::{eventually, unique};

use crate::entry_point::{Answer, Failure, Method, Place, Run, Source, Subject, every_entry_point};

every_entry_point! {
    a_stale_value_is_served_at_once_while_one_refresh_runs_in_the_background needs Refreshes;
    past_its_hard_expiry_no_value_is_served needs Refreshes;
    a_failed_refresh_is_not_retried_at_once needs Refreshes;
    a_fresh_value_is_preferred_within_the_soft_timeout needs Refreshes;
    an_early_refresh_runs_only_in_the_last_part_of_the_ttl needs Refreshes;
    a_refresh_is_fenced needs Refreshes;
    one_process_refreshes_and_its_failure_backs_off_all_processes needs Refreshes;
}
every_entry_point! { blocking:
    sync_methods_are_refreshed_in_the_background_with_and_without_a_runtime needs Refreshes;
}

const START_US: u64 = 1_800_000_000_000_000;
const MINUTE: u64 = 60_000_000;

/// What each run does; it answers with its number.
#[derive(Default)]
struct Behaviour {
    fails: AtomicBool,
    panics: AtomicBool,
    takes_ms: AtomicU64,
    ended: AtomicU64,
}

impl Behaviour {
    fn takes(&self) -> Duration {
        Duration::from_millis(self.takes_ms.load(Ordering::SeqCst))
    }

    fn end(&self, run: Run) -> Answer {
        self.ended.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "a run that panics");
        if self.fails.load(Ordering::SeqCst) {
            return Err(Failure);
        }
        Ok(Some(run.number))
    }
}

/// A subject whose clock is set by the test.
struct Clocked {
    clock: Arc<AtomicU64>,
    behaviour: Arc<Behaviour>,
    subject: Subject,
}

impl Clocked {
    fn new(place: &Place) -> Self {
        let clock = Arc::new(AtomicU64::new(START_US));
        let cache = place.builder().manual_clock(clock.clone());
        Self::on(place, &cache.build().unwrap(), clock)
    }

    fn on(place: &Place, cache: &Cache, clock: Arc<AtomicU64>) -> Self {
        let behaviour = Arc::<Behaviour>::default();
        let its = behaviour.clone();
        let source = Source::new(move |run| {
            let behaviour = its.clone();
            async move {
                tokio::time::sleep(behaviour.takes()).await;
                behaviour.end(run)
            }
        });
        Self {
            subject: place.subject(cache, &source),
            clock,
            behaviour,
        }
    }

    /// Its sync methods, which need no runtime.
    fn blocking(place: &Place) -> Self {
        let clocked = Self::new(place);
        let behaviour = clocked.behaviour.clone();
        clocked.subject.source.runs_from_now_on(move |run| {
            let behaviour = behaviour.clone();
            async move {
                std::thread::sleep(behaviour.takes());
                behaviour.end(run)
            }
        });
        clocked
    }

    async fn call(&self, method: Method, id: u64) -> Answer {
        self.subject.call(method, id).await
    }

    async fn stale(&self) -> Answer {
        self.call(Method::Stale, 1).await
    }

    fn pass(&self, minutes: u64) {
        self.clock.fetch_add(minutes * MINUTE, Ordering::SeqCst);
    }

    fn takes_ms(&self, ms: u64) {
        self.behaviour.takes_ms.store(ms, Ordering::SeqCst);
    }

    fn fails(&self, fails: bool) {
        self.behaviour.fails.store(fails, Ordering::SeqCst);
    }

    fn panics(&self, panics: bool) {
        self.behaviour.panics.store(panics, Ordering::SeqCst);
    }

    fn runs(&self) -> u64 {
        self.subject.source.runs()
    }

    /// How many stale values were served.
    fn served_stale(&self) -> u64 {
        self.subject.cache.stats().stale
    }

    fn is_refreshed(&self, writes: u64) {
        eventually(
            "a refresh in the background",
            Duration::from_secs(10),
            || self.subject.cache.stats().write == writes,
        );
    }
}

#[allow(clippy::unnecessary_wraps)] // the form of answers
fn number(number: u64) -> Answer {
    Ok(Some(number))
}

async fn a_stale_value_is_served_at_once_while_one_refresh_runs_in_the_background(place: Place) {
    let subject = Clocked::new(&place);
    assert_eq!(subject.stale().await, number(0));
    subject.pass(9);
    assert_eq!(subject.stale().await, number(0));
    assert_eq!((subject.runs(), subject.served_stale()), (1, 0));

    subject.pass(2);
    subject.takes_ms(300);
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(subject.stale().await, number(0));
    }
    assert!(started.elapsed() < Duration::from_millis(250), "at once");
    assert_eq!(subject.served_stale(), 20);
    subject.is_refreshed(2);
    assert_eq!((subject.stale().await, subject.runs()), (number(1), 2));
    // It is fresh for its whole TTL.
    subject.pass(9);
    assert_eq!((subject.stale().await, subject.runs()), (number(1), 2));
    assert_eq!(subject.served_stale(), 20);
}

async fn past_its_hard_expiry_no_value_is_served(place: Place) {
    let subject = Clocked::new(&place);
    assert_eq!(subject.stale().await, number(0));
    subject.pass(30);
    assert_eq!(subject.stale().await, number(1));
    subject.pass(31);
    subject.fails(true);
    assert_eq!(subject.stale().await, Err(Failure));
}

/// Whichever way a refresh comes to nothing.
async fn a_failed_refresh_is_not_retried_at_once(place: Place) {
    let subject = Clocked::new(&place);
    for (panics, id) in [(false, 1), (true, 2)] {
        let before = subject.runs();
        subject.fails(false);
        subject.panics(false);
        let value = subject.call(Method::Stale, id).await;
        assert_eq!(value, number(before));
        subject.pass(11);
        subject.fails(!panics);
        subject.panics(panics);
        for _ in 0..50 {
            assert_eq!(subject.call(Method::Stale, id).await, value);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(subject.runs() - before, 2, "the value and one try");
    }
}

async fn a_fresh_value_is_preferred_within_the_soft_timeout(place: Place) {
    let subject = Clocked::new(&place);
    let prefer = || subject.call(Method::Prefer, 1);
    let hurry = || subject.call(Method::Hurry, 1);
    assert_eq!((prefer().await, hurry().await), (number(0), number(1)));
    subject.pass(11);
    subject.takes_ms(200);
    assert_eq!(prefer().await, number(2), "within two seconds");
    assert_eq!(hurry().await, number(1), "not within 20 ms");
    subject.is_refreshed(4);
    assert_eq!(hurry().await, number(3));
    assert_eq!(subject.served_stale(), 1);
    // A failure is no fresh value.
    subject.pass(11);
    subject.takes_ms(0);
    subject.fails(true);
    assert_eq!(prefer().await, number(2));
}

async fn an_early_refresh_runs_only_in_the_last_part_of_the_ttl(place: Place) {
    let subject = Clocked::new(&place);
    let early = || subject.call(Method::Early, 1);
    assert_eq!(early().await, number(0));
    subject.pass(8);
    assert_eq!((early().await, subject.runs()), (number(0), 1));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(subject.runs(), 1);
    subject.pass(1);
    assert_eq!(early().await, number(0));
    subject.is_refreshed(2);
    assert_eq!(early().await, number(1));
    assert_eq!(subject.served_stale(), 0);
    // Without a stale window the TTL is the end.
    subject.pass(10);
    assert_eq!(early().await, number(2));
}

fn sync_methods_are_refreshed_in_the_background_with_and_without_a_runtime(place: &Place) {
    let subject = Clocked::blocking(place);
    let call = || subject.subject.call_blocking(Method::BlockingStale, 1);
    assert_eq!(call(), number(0));
    subject.pass(11);
    subject.takes_ms(300);
    let started = Instant::now();
    for _ in 0..10 {
        assert_eq!(call(), number(0));
    }
    assert!(started.elapsed() < Duration::from_millis(250), "at once");
    subject.is_refreshed(2);
    assert_eq!(call(), number(1));

    subject.pass(11);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { assert_eq!(call(), number(1)) });
    subject.is_refreshed(3);
    assert_eq!(call(), number(2));
}

/// What an invalidation has dropped, a refresh that began before it does not bring back.
async fn a_refresh_is_fenced(place: Place) {
    let subject = Clocked::new(&place);
    let entry = subject.subject.entry(Method::Stale, 1);
    assert_eq!(subject.stale().await, number(0));
    subject.pass(11);
    subject.takes_ms(200);
    assert_eq!(subject.stale().await, number(0));
    eventually("the refresh runs", Duration::from_secs(10), || {
        subject.runs() == 2
    });
    assert!(entry.invalidate().await.unwrap());
    eventually("the refresh ends", Duration::from_secs(10), || {
        subject.behaviour.ended.load(Ordering::SeqCst) == 2
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(entry.peek().await.unwrap(), None);
}

/// Two caches of one name are what two processes would be.
async fn one_process_refreshes_and_its_failure_backs_off_all_processes(place: Place) {
    if place.server().is_none() {
        return;
    }
    let clock = Arc::new(AtomicU64::new(START_US));
    let name = unique("stale");
    let build = || {
        let cache = place.named(&name).manual_clock(clock.clone());
        cache.build().unwrap()
    };
    let first = Clocked::on(&place, &build(), clock.clone());
    let others = (0..3).map(|_| place.subject(&build(), &first.subject.source));
    let subjects: Vec<_> = others.chain([first.subject.clone()]).collect();
    for subject in &subjects {
        assert_eq!(subject.call(Method::Stale, 1).await, number(0));
    }
    first.pass(11);
    first.takes_ms(100);
    first.fails(true);
    for _ in 0..30 {
        for subject in &subjects {
            assert_eq!(subject.call(Method::Stale, 1).await, number(0));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(first.runs(), 2);
}
