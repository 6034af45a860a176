//! What was computed before an invalidation is not stored after it, and of two computations the one
//! that began later counts: through every entry point, in every store and every stampede mode,
//! whichever process invalidates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use redis_func_cache::{CacheBuilder, Stampede};
use tokio::sync::Semaphore;

use crate::entry_point::{Answer, Method, Need, Place, Source, Subject, Write, every_entry_point};

every_entry_point! {
    a_value_from_before_an_invalidation_is_not_stored_after_it;
    a_call_that_joins_after_a_remote_invalidation_gets_no_older_value;
    of_two_computations_the_one_that_started_later_is_stored;
    a_cancelled_call_leaves_no_lease;
    write_only_calls_are_fenced_as_well;
    a_call_that_joins_after_the_put_was_sent_checks_the_value;
    a_hit_serves_every_follower_that_joined_before_the_lookup;
}

/// A row that changes, and executions that have read it and have not returned yet.
pub(crate) struct Row {
    value: AtomicU64,
    read: Semaphore,
    go_on: Semaphore,
}

impl Row {
    /// The row, and a source that reads it.
    pub(crate) fn slow() -> (Arc<Self>, Arc<Source>) {
        let row = Arc::new(Self {
            value: AtomicU64::new(0),
            read: Semaphore::new(0),
            go_on: Semaphore::new(0),
        });
        let its = row.clone();
        let source = Source::new(move |_| {
            let row = its.clone();
            async move {
                let value = row.value.load(Ordering::SeqCst);
                row.read.add_permits(1);
                row.go_on.acquire().await.unwrap().forget();
                Ok(Some(value))
            }
        });
        (row, source)
    }

    pub(crate) fn set(&self, value: u64) {
        self.value.store(value, Ordering::SeqCst);
    }

    pub(crate) async fn is_read(&self) {
        self.read.acquire().await.unwrap().forget();
    }

    /// So many executions may return.
    pub(crate) fn go_on(&self, executions: usize) {
        self.go_on.add_permits(executions);
    }
}

/// What drops, or replaces, what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overtake {
    Handle,
    AllHandle,
    Declared,
    DeclaredAll,
    Purge,
    Put,
    Refresh,
}

pub(crate) const OVERTAKES: [Overtake; 7] = [
    Overtake::Handle,
    Overtake::AllHandle,
    Overtake::Declared,
    Overtake::DeclaredAll,
    Overtake::Purge,
    Overtake::Put,
    Overtake::Refresh,
];

impl Overtake {
    pub(crate) fn is_offered(self, place: &Place) -> bool {
        match self {
            Self::Declared | Self::DeclaredAll => place.offers(Need::DeclaredInvalidations),
            Self::Refresh => place.offers(Need::Refresh),
            Self::Handle | Self::AllHandle | Self::Purge | Self::Put => true,
        }
    }

    /// Of a row that is 1 by now.
    pub(crate) async fn happens(self, row: &Row, subject: &Subject) {
        let entry = subject.entry(Method::Plain, 1);
        match self {
            Self::Handle => drop(entry.invalidate().await.unwrap()),
            Self::AllHandle => subject.invalidate_all(Method::Plain).await.unwrap(),
            Self::Declared => subject.write(Write::One, 1).await.unwrap(),
            Self::DeclaredAll => subject.write(Write::All, 1).await.unwrap(),
            Self::Purge => drop(subject.cache.purge().await.unwrap()),
            Self::Put => entry.put(Some(1)).await.unwrap(),
            Self::Refresh => {
                row.go_on(1);
                assert_eq!(entry.refresh().await, Ok(Some(1)));
            }
        }
    }
}

const STAMPEDES: [Stampede; 3] = [Stampede::Lease, Stampede::Local, Stampede::Off];

async fn a_value_from_before_an_invalidation_is_not_stored_after_it(place: Place) {
    let layouts: [fn(CacheBuilder) -> CacheBuilder; 2] =
        [CacheBuilder::single, CacheBuilder::multiple];
    for how in OVERTAKES.into_iter().filter(|how| how.is_offered(&place)) {
        for stampede in STAMPEDES {
            for layout in layouts {
                let settings = |builder| layout(builder).stampede(stampede);
                for is_other_process in [false, true] {
                    is_overtaken(&place, how, settings, is_other_process).await;
                }
            }
        }
    }
}

async fn is_overtaken(
    place: &Place,
    how: Overtake,
    settings: impl Fn(CacheBuilder) -> CacheBuilder,
    by_another_process: bool,
) {
    let [cache, other] = place.of_two_processes(settings);
    let other = if by_another_process {
        other
    } else {
        cache.clone()
    };
    let [(row, source), (others_row, others_source)] = [Row::slow(), Row::slow()];
    let subject = place.subject(&cache, &source);
    let others = place.subject(&other, &others_source);

    let early = subject.spawn(Method::Plain, 1);
    row.is_read().await;
    row.set(1);
    others_row.set(1);
    how.happens(&others_row, &others).await;
    row.go_on(1);
    assert_eq!(
        early.await.unwrap(),
        Ok(Some(0)),
        "an early call gets what it read"
    );

    // Whatever is stored now has seen the write.
    for (row, subject) in [(&others_row, &others), (&row, &subject)] {
        for _ in 0..2 {
            row.go_on(1);
            let answer = subject.call(Method::Plain, 1).await;
            assert_eq!(
                answer,
                Ok(Some(1)),
                "{how:?} by another process: {by_another_process}"
            );
        }
    }
}

/// Calls that come after an invalidation elsewhere may join a computation from before it: then it
/// is not theirs.
async fn a_call_that_joins_after_a_remote_invalidation_gets_no_older_value(place: Place) {
    let hows = [Overtake::Handle, Overtake::AllHandle, Overtake::DeclaredAll];
    for how in hows.into_iter().filter(|how| how.is_offered(&place)) {
        let [cache, other] = place.of_two_processes(|builder| builder);
        let (row, source) = Row::slow();
        let subject = place.subject(&cache, &source);
        let others = place.subject(&other, &source);
        let early = subject.spawn(Method::Plain, 1);
        row.is_read().await;
        row.set(1);
        how.happens(&row, &others).await;
        let late: Vec<_> = (0..20).map(|_| subject.spawn(Method::Plain, 1)).collect();
        // They have missed and joined, or will in a moment; either way the leader goes on.
        tokio::time::sleep(Duration::from_millis(30)).await;
        row.go_on(22);
        assert_eq!(early.await.unwrap(), Ok(Some(0)));
        for call in late {
            assert_eq!(call.await.unwrap(), Ok(Some(1)), "{how:?}");
        }
    }
}

/// Whichever ends first.
async fn of_two_computations_the_one_that_started_later_is_stored(place: Place) {
    for order in [[1, 0], [0, 1]] {
        let cache = place.builder().stampede(Stampede::Off).build().unwrap();
        let rows = [Row::slow(), Row::slow()];
        rows[1].0.set(1);
        let mut calls = Vec::new();
        for (row, source) in &rows {
            let call = place.subject(&cache, source).spawn(Method::Plain, 1);
            row.is_read().await;
            calls.push(Some(call));
        }
        for at in order {
            rows[at].0.go_on(1);
            let call = calls[at].take().unwrap();
            assert_eq!(call.await.unwrap(), Ok(Some(at as u64)));
        }
        let entry = place.subject(&cache, &rows[0].1);
        let stored = entry.entry(Method::Plain, 1).peek().await;
        assert_eq!(
            stored.unwrap(),
            Some(Some(1)),
            "ended in the order {order:?}"
        );
    }
}

async fn a_cancelled_call_leaves_no_lease(place: Place) {
    let cache = place.builder().build().unwrap();
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    // Given up before it begins, while it begins, and while the method runs.
    for micros in [0, 50, 100, 200, 400, 800, 3000, 30_000] {
        let call = subject.call(Method::Plain, 1);
        let _ = tokio::time::timeout(Duration::from_micros(micros), call).await;
    }
    if let Some(server) = place.server() {
        support::eventually("no lease is left", Duration::from_secs(5), || {
            server.leases() == 0
        });
    }
    row.go_on(1);
    assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(0)));
}

async fn write_only_calls_are_fenced_as_well(place: Place) {
    let cache = place.builder().build().unwrap();
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    let writes = tokio::spawn({
        let (cache, call) = (cache.clone(), subject.call(Method::Plain, 1));
        async move { cache.write_only(call).await }
    });
    row.is_read().await;
    subject.entry(Method::Plain, 1).invalidate().await.unwrap();
    row.go_on(1);
    assert_eq!(writes.await.unwrap(), Ok(Some(0)));
    let stored = subject.entry(Method::Plain, 1).peek().await;
    assert_eq!(stored.unwrap(), None);
}

/// Another process drops what a leader has just stored, before the leader hears of that: calls that
/// begin after it may join the leader, but are not given its value.
async fn a_call_that_joins_after_the_put_was_sent_checks_the_value(place: Place) {
    // In memory there is no other process, and no time between a put and its reply.
    if place.server().is_none() {
        return;
    }
    let hows = [
        Overtake::Handle,
        Overtake::AllHandle,
        Overtake::Declared,
        Overtake::DeclaredAll,
        Overtake::Purge,
    ];
    for how in hows.into_iter().filter(|how| how.is_offered(&place)) {
        for stampede in [Stampede::Lease, Stampede::Local] {
            let mut attempts = 0;
            while !a_late_call_checks_the_value(&place, how, stampede).await {
                attempts += 1;
                assert!(
                    attempts < 20,
                    "no leader was caught before it heard of its put"
                );
            }
        }
    }
}

/// False if the leader heard of its put before another process saw the value, as on a loaded machine.
async fn a_late_call_checks_the_value(place: &Place, how: Overtake, stampede: Stampede) -> bool {
    let [cache, other] = place.of_two_processes(|builder| builder.stampede(stampede));
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    let others = place.subject(&other, &source);

    let mut early = subject.call(Method::Plain, 1);
    row.go_on(1);
    if !is_stored_before_its_end(&mut early, &others).await {
        return false;
    }
    row.set(1);
    how.happens(&row, &others).await;
    let late: Vec<_> = (0..3).map(|_| subject.spawn(Method::Plain, 1)).collect();
    // They miss, and join.
    tokio::time::sleep(Duration::from_millis(50)).await;
    row.go_on(late.len());
    assert_eq!(early.await, Ok(Some(0)));
    for call in late {
        assert_eq!(call.await.unwrap(), Ok(Some(1)), "{how:?}, {stampede:?}");
    }
    assert_eq!(source.runs(), 2, "the late ones share a run");
    true
}

/// Polls a call until its value is in the store, and never again after the store has said so.
async fn is_stored_before_its_end(call: &mut BoxFuture<'static, Answer>, others: &Subject) -> bool {
    loop {
        if futures_util::poll!(&mut *call).is_ready() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let stored = others.entry(Method::Plain, 1).peek().await;
        if stored.unwrap().is_some() {
            return true;
        }
    }
}

/// A process waits for another that computes: what it then finds, it does not look for once more
/// for each of its calls.
async fn a_hit_serves_every_follower_that_joined_before_the_lookup(place: Place) {
    if place.server().is_none() {
        return;
    }
    let [cache, other] = place.of_two_processes(|builder| builder);
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    let elsewhere = place.subject(&other, &source).spawn(Method::Plain, 1);
    row.is_read().await;
    let calls: Vec<_> = (0..50).map(|_| subject.spawn(Method::Plain, 1)).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    row.go_on(1 + calls.len());
    assert_eq!(elsewhere.await.unwrap(), Ok(Some(0)));
    for call in join_all(calls).await {
        assert_eq!(call.unwrap(), Ok(Some(0)));
    }
    assert_eq!(source.runs(), 1);
    let stats = cache.stats();
    assert_eq!((stats.count, stats.coalesced), (50, 50), "{stats:?}");
}
