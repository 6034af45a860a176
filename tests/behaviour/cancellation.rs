//! Calls and writes whose callers go away at any time: no lease is left behind, and no invalidation
//! is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use support::{Server, eventually};

use crate::entry_point::{Failure, Method, Place, Source, Subject, Write, every_entry_point};

every_entry_point! { blocking:
    an_invalidation_survives_its_caller needs DeclaredInvalidations;
    a_write_cancelled_while_it_runs_still_invalidates needs DeclaredInvalidations;
    a_write_that_panics_still_invalidates needs DeclaredInvalidations;
    a_write_that_fails_or_never_starts_invalidates_nothing needs DeclaredInvalidations;
    no_old_value_is_left_after_a_write_returns needs DeclaredInvalidations;
}
every_entry_point! {
    many_cancelled_calls_leave_no_lease;
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn subject(place: &Place) -> Subject {
    let cache = place.builder().build().unwrap();
    place.subject(&cache, &Arc::new(Source::default()))
}

/// Whether the entries that a write drops are there.
fn are_stored(subject: &Subject) -> bool {
    let mut found = [Method::Plain, Method::Other]
        .map(|method| pollster::block_on(subject.entry(method, 1).peek()).unwrap())
        .into_iter();
    found.any(|found| found.is_some())
}

fn store(subject: &Subject) {
    for method in [Method::Plain, Method::Other] {
        pollster::block_on(subject.entry(method, 1).put(Some(1))).unwrap();
    }
}

fn are_dropped(what: &str, subject: &Subject) {
    eventually(what, Duration::from_secs(10), || !are_stored(subject));
}

fn remain(subject: &Subject) {
    std::thread::sleep(Duration::from_millis(100));
    assert!(are_stored(subject));
}

fn an_invalidation_survives_its_caller(place: &Place) {
    let subject = subject(place);
    store(&subject);
    // The method has succeeded in the first poll; without a runtime.
    let _ = poll(pin!(subject.write(Write::Both, 1)));
    are_dropped("dropped after the method", &subject);
}

fn a_write_cancelled_while_it_runs_still_invalidates(place: &Place) {
    let subject = subject(place);
    subject.source.writes(|_| std::future::pending());
    store(&subject);
    assert!(poll(pin!(subject.write(Write::Both, 1))).is_pending());
    are_dropped("dropped while the method runs", &subject);

    for multi_thread in [false, true] {
        store(&subject);
        let mut builder = if multi_thread {
            tokio::runtime::Builder::new_multi_thread()
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        let runtime = builder.enable_all().build().unwrap();
        let write = runtime.spawn(subject.write(Write::Both, 1));
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
        assert!(!write.is_finished());
        remain(&subject);
        drop(runtime);
        are_dropped("its runtime has shut down", &subject);
    }
}

fn a_write_that_panics_still_invalidates(place: &Place) {
    let subject = subject(place);
    subject.source.writes(|_| async { panic!("as asked for") });
    for write in [Write::Both, Write::BothBlocking] {
        store(&subject);
        let written = || pollster::block_on(subject.write(write, 1));
        assert!(catch_unwind(AssertUnwindSafe(written)).is_err());
        are_dropped("after a panic", &subject);
    }
}

fn a_write_that_fails_or_never_starts_invalidates_nothing(place: &Place) {
    let subject = subject(place);
    subject.source.writes(|_| async { Err(Failure) });
    store(&subject);
    for write in [Write::Both, Write::BothBlocking] {
        let written = pollster::block_on(subject.write(write, 1));
        assert_eq!(written, Err(Failure));
    }
    drop(subject.write(Write::Both, 1));
    remain(&subject);
}

fn no_old_value_is_left_after_a_write_returns(place: &Place) {
    let subject = subject(place);
    for _ in 0..20 {
        for write in [Write::Both, Write::BothBlocking] {
            store(&subject);
            pollster::block_on(subject.write(write, 1)).unwrap();
            assert!(!are_stored(&subject), "{write:?}");
        }
    }
    assert_eq!(subject.cache.stats().error, 0);
}

/// Calls given up at any instant, many at a time, some while the server forgets its scripts: what
/// they may have asked for is released, and not renewed.
async fn many_cancelled_calls_leave_no_lease(place: Place) {
    let Some(server) = place.server().cloned() else {
        return;
    };
    let cache = place.builder().build().unwrap();
    let source = Source::new(|run| async move {
        tokio::task::yield_now().await;
        Ok(Some(run.id))
    });
    let subject = place.subject(&cache, &source);
    let has_ended = Arc::new(AtomicBool::new(false));
    let flushing = std::thread::spawn({
        let (server, has_ended) = (server.clone(), has_ended.clone());
        move || {
            let mut connection = server.connection();
            while !has_ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                redis::cmd("SCRIPT")
                    .arg("FLUSH")
                    .exec(&mut connection)
                    .unwrap();
            }
        }
    });
    let tasks: Vec<_> = (0..32_u64)
        .map(|task| {
            let subject = subject.clone();
            tokio::spawn(async move {
                for call in 0..150 {
                    let id = task * 1_000 + call;
                    let polls = (task + call) % 5;
                    give_up(subject.call(Method::Plain, id), polls).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    has_ended.store(true, Ordering::SeqCst);
    flushing.join().unwrap();
    // A lease that could not be released ends by itself, as it is not renewed.
    eventually("no lease is held", Duration::from_secs(10), || {
        held(&server) == 0
    });
}

/// How many leases have not ended.
fn held(server: &Server) -> usize {
    let [seconds, _]: [u64; 2] = server.query(&["TIME"]);
    let keys = server.keys().into_iter().filter(|key| key.ends_with(":2"));
    let leases = keys.flat_map(|key| server.query::<Vec<Vec<u8>>>(&["HVALS", &key]));
    let deadlines = leases.filter(|lease| lease.len() == 41);
    let deadlines = deadlines.map(|lease| u64::from_le_bytes(lease[..8].try_into().unwrap()));
    deadlines
        .filter(|&until_ms| until_ms > seconds * 1000)
        .count()
}

/// Drops a call after it was polled so often.
async fn give_up<T>(call: impl Future<Output = T>, polls: u64) {
    let mut call = pin!(call);
    for _ in 0..polls {
        if futures_util::poll!(call.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}
