//! What every cached method and its handles do, through every entry point.

use std::sync::Arc;
use std::time::Duration;

use redis_func_cache::Mode;

use crate::entry_point::{Failure, Method, Place, Source, Subject, Write, every_entry_point};

every_entry_point! {
    a_call_is_answered_from_the_cache_and_an_error_is_not_stored;
    handles_peek_put_and_invalidate_one_entry;
    a_handle_refreshes_its_entry needs Refresh;
    a_handle_on_all_entries_of_a_method_drops_those_of_no_other;
    a_write_invalidates_the_entries_it_declares needs DeclaredInvalidations;
    modes_and_statistics_hold_for_their_scope;
    a_closed_cache_runs_the_method;
    entries_belong_to_their_cache;
}

/// Answers with its argument; 0 is a failure.
fn subject(place: &Place) -> Subject {
    let cache = place.builder().build().unwrap();
    place.subject(&cache, &source())
}

fn source() -> Arc<Source> {
    Source::new(|run| async move {
        if run.id == 0 {
            return Err(Failure);
        }
        Ok(Some(run.id))
    })
}

async fn a_call_is_answered_from_the_cache_and_an_error_is_not_stored(place: Place) {
    let subject = subject(&place);
    let methods = [Method::Plain, Method::Fallible, Method::Blocking];
    for method in methods {
        for id in [1, 2, 1, 2] {
            assert_eq!(subject.call(method, id).await, Ok(Some(id)));
        }
    }
    assert_eq!(subject.source.runs(), 6, "one for each method and argument");
    for _ in 0..2 {
        assert_eq!(subject.call(Method::Fallible, 0).await, Err(Failure));
    }
    let stats = subject.cache.stats();
    assert_eq!((stats.count, stats.hit, stats.miss), (14, 6, 8));
    assert_eq!((stats.exec, stats.write, stats.error), (8, 6, 0));
    assert_eq!(subject.cache.len().await.unwrap(), 6);
    let of_methods = subject.cache.method_stats();
    assert_eq!(of_methods.len(), methods.len(), "{of_methods:?}");
    let hits = of_methods.values().map(|stats| stats.hit);
    assert_eq!(hits.collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(subject.cache.purge().await.unwrap(), 6);
    assert_eq!(subject.cache.len().await.unwrap(), 0);
}

async fn handles_peek_put_and_invalidate_one_entry(place: Place) {
    let subject = subject(&place);
    for method in [Method::Minutes10, Method::Fallible, Method::Blocking] {
        let entry = subject.entry(method, 1);
        assert_eq!(entry.peek().await.unwrap(), None);
        assert_eq!(entry.ttl().await.unwrap(), None);
        entry.put(Some(7)).await.unwrap();
        assert_eq!(entry.peek().await.unwrap(), Some(Some(7)));
        assert_eq!(subject.call(method, 1).await, Ok(Some(7)), "{method:?}");
        assert_eq!(subject.call(method, 2).await, Ok(Some(2)), "{method:?}");
        assert!(entry.invalidate().await.unwrap());
        assert!(!entry.invalidate().await.unwrap());
        assert_eq!(subject.call(method, 1).await, Ok(Some(1)), "{method:?}");
        let other = subject.entry(method, 2).peek().await.unwrap();
        assert_eq!(other, Some(Some(2)), "{method:?}");
    }
    let ttl = subject.entry(Method::Minutes10, 1).ttl().await.unwrap();
    let ttl = ttl.unwrap();
    let whole = Duration::from_secs(600);
    assert!(ttl <= whole && ttl > whole / 2, "{ttl:?}");
}

async fn a_handle_refreshes_its_entry(place: Place) {
    let subject = subject(&place);
    for method in [Method::Plain, Method::Fallible, Method::Blocking] {
        let entry = subject.entry(method, 1);
        entry.put(Some(7)).await.unwrap();
        let runs = subject.source.runs();
        assert_eq!(entry.refresh().await, Ok(Some(1)), "{method:?}");
        assert_eq!(subject.call(method, 1).await, Ok(Some(1)), "{method:?}");
        assert_eq!(subject.source.runs() - runs, 1, "{method:?}");
    }
    // What is stored stays when a refresh fails.
    let entry = subject.entry(Method::Fallible, 0);
    entry.put(Some(7)).await.unwrap();
    assert_eq!(entry.refresh().await, Err(Failure));
    assert_eq!(entry.peek().await.unwrap(), Some(Some(7)));
}

async fn a_handle_on_all_entries_of_a_method_drops_those_of_no_other(place: Place) {
    let subject = subject(&place);
    let methods = [
        Method::Plain,
        Method::Other,
        Method::Size8,
        Method::Blocking,
    ];
    for dropped in methods {
        for method in methods {
            for id in 1..4 {
                subject.call(method, id).await.unwrap();
            }
        }
        subject.invalidate_all(dropped).await.unwrap();
        for method in methods {
            for id in 1..4 {
                let found = subject.entry(method, id).peek().await.unwrap();
                assert_eq!(
                    found.is_some(),
                    method != dropped,
                    "{method:?} of {dropped:?}"
                );
            }
        }
    }
}

async fn a_write_invalidates_the_entries_it_declares(place: Place) {
    let subject = subject(&place);
    for write in [Write::Both, Write::BothBlocking] {
        for method in [Method::Plain, Method::Other] {
            for id in [1, 2] {
                subject.call(method, id).await.unwrap();
            }
        }
        subject.source.writes(|_| async { Err(Failure) });
        assert_eq!(subject.write(write, 1).await, Err(Failure));
        assert_eq!(subject.cache.len().await.unwrap(), 4);
        subject.source.writes(|_| async { Ok(None) });
        assert_eq!(subject.write(write, 1).await, Ok(()));
        for method in [Method::Plain, Method::Other] {
            for id in [1, 2] {
                let left = subject.entry(method, id).peek().await.unwrap();
                let is_kept = matches!(method, Method::Plain) && id == 2;
                assert_eq!(left.is_some(), is_kept, "{write:?} {method:?} {id}");
            }
        }
    }
}

async fn modes_and_statistics_hold_for_their_scope(place: Place) {
    let subject = subject(&place);
    let cache = subject.cache.clone();
    let call = || subject.call(Method::Plain, 1);
    let runs = || subject.source.runs();
    cache.read_only(call()).await.unwrap();
    cache.disable_rw(call()).await.unwrap();
    assert_eq!(cache.len().await.unwrap(), 0);
    cache.write_only(call()).await.unwrap();
    cache.write_only(call()).await.unwrap();
    assert_eq!((runs(), cache.len().await.unwrap()), (4, 1));
    let mode = Mode {
        read: true,
        write: false,
    };
    cache.with_mode(mode, call()).await.unwrap();
    assert_eq!(runs(), 4);
    let (answer, stats) = cache.with_stats(call()).await;
    assert_eq!((answer, stats.count, stats.hit), (Ok(Some(1)), 1, 1));

    let call = || subject.call_blocking(Method::Blocking, 1);
    cache.read_only_sync(call).unwrap();
    assert_eq!(cache.len().await.unwrap(), 1);
    cache.write_only_sync(call).unwrap();
    cache.disable_rw_sync(call).unwrap();
    assert_eq!((runs(), cache.len().await.unwrap()), (7, 2));
    cache.with_mode_sync(mode, call).unwrap();
    assert_eq!(runs(), 7);
}

async fn a_closed_cache_runs_the_method(place: Place) {
    let subject = subject(&place);
    subject.call(Method::Plain, 1).await.unwrap();
    subject.cache.close().await;
    for runs in [2, 3] {
        assert_eq!(subject.call(Method::Plain, 1).await, Ok(Some(1)));
        assert_eq!(subject.source.runs(), runs);
    }
}

/// Also where the entry point names its cache by an expression, which may come to another cache each time.
async fn entries_belong_to_their_cache(place: Place) {
    let source = source();
    let subjects = [(); 2].map(|()| {
        let cache = place.builder().build().unwrap();
        place.subject(&cache, &source)
    });
    for round in 0..2 {
        for (at, subject) in subjects.iter().enumerate() {
            subject.call(Method::Plain, 1).await.unwrap();
            let runs = if round == 0 { at as u64 + 1 } else { 2 };
            assert_eq!(source.runs(), runs);
        }
    }
    subjects[0].invalidate_all(Method::Plain).await.unwrap();
    let found = subjects[1].entry(Method::Plain, 1).peek().await.unwrap();
    assert_eq!(found, Some(Some(1)));
    let gone = subjects[0].entry(Method::Plain, 1).peek().await.unwrap();
    assert_eq!(gone, None);
    assert_eq!(subjects[1].cache.stats().hit, 1);
}
