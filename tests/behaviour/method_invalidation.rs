//! To invalidate all entries of a method overtakes what is being computed for it, and for no other
//! method, whether they share a pair or not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{PATIENT, Server, binaries, unique};
use tokio::sync::{Semaphore, watch};

use crate::entry_point::{Method, Need, Place, Source, Subject, Write, every_entry_point};

every_entry_point! {
    other_methods_store_what_they_were_computing;
    later_calls_of_other_methods_join_what_was_being_computed;
    a_later_call_of_the_method_begins_at_once_and_is_stored;
    nothing_is_stored_once_leases_and_epochs_are_lost;
    an_epoch_outlives_the_leases_before_it;
    frequent_writes_leave_the_values_of_other_methods;
}

const DROPPED: Method = Method::Plain;
const KEPT: Method = Method::Other;
/// Calls from here on return at once.
const AT_ONCE: u64 = 1_000;

/// A row that changes, and executions that have read it and return when they may.
struct Row {
    value: AtomicU64,
    began: Semaphore,
    /// The numbers of the executions that may return.
    go_on: watch::Sender<BTreeSet<u64>>,
}

impl Row {
    fn slow() -> (Arc<Self>, Arc<Source>) {
        let row = Arc::new(Self {
            value: AtomicU64::new(0),
            began: Semaphore::new(0),
            go_on: watch::Sender::default(),
        });
        let its = row.clone();
        let source = Source::new(move |run| {
            let row = its.clone();
            async move {
                let value = row.value.load(Ordering::SeqCst);
                if run.id < AT_ONCE {
                    row.began.add_permits(1);
                    let mut go_on = row.go_on.subscribe();
                    let may_return = |numbers: &BTreeSet<u64>| numbers.contains(&run.number);
                    go_on.wait_for(may_return).await.unwrap();
                }
                Ok(Some(value))
            }
        });
        (row, source)
    }

    async fn has_begun(&self) {
        let began = tokio::time::timeout(Duration::from_secs(10), self.began.acquire());
        began.await.expect("an execution begins").unwrap().forget();
    }

    fn go_on(&self, numbers: impl IntoIterator<Item = u64>) {
        self.go_on.send_modify(|all| all.extend(numbers));
    }
}

/// How all entries of the method are invalidated.
#[derive(Debug, Clone, Copy)]
enum Way {
    Handle,
    Declared,
}

impl Way {
    async fn drop_all(self, subject: &Subject) {
        match self {
            Self::Handle => subject.invalidate_all(DROPPED).await.unwrap(),
            Self::Declared => subject.write(Write::All, 0).await.unwrap(),
        }
    }
}

/// What a body works with: two processes that share a cache and a row.
struct Test {
    way: Way,
    cache: Cache,
    row: Arc<Row>,
    source: Arc<Source>,
    subject: Subject,
    others: Subject,
}

/// In every layout, with every way to invalidate.
async fn in_every_way<F: Future<Output = ()>>(place: Place, test: impl Fn(Test) -> F) {
    let layouts: [fn(CacheBuilder) -> CacheBuilder; 2] =
        [CacheBuilder::single, CacheBuilder::multiple];
    let ways = [Way::Handle, Way::Declared]
        .into_iter()
        .filter(|way| match way {
            Way::Handle => true,
            Way::Declared => place.offers(Need::DeclaredInvalidations),
        });
    for way in ways {
        for layout in layouts {
            let [cache, other] = place.of_two_processes(layout);
            let (row, source) = Row::slow();
            test(Test {
                way,
                subject: place.subject(&cache, &source),
                others: place.subject(&other, &source),
                cache: cache.clone(),
                row,
                source,
            })
            .await;
            cache.purge().await.unwrap();
        }
    }
}

async fn other_methods_store_what_they_were_computing(place: Place) {
    in_every_way(place, async |test: Test| {
        let calls = [KEPT, DROPPED].map(|method| test.subject.spawn(method, 1));
        for _ in &calls {
            test.row.has_begun().await;
        }
        test.row.value.store(1, Ordering::SeqCst);
        test.way.drop_all(&test.others).await;
        test.row.go_on([0, 1]);
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(Some(0)));
        }
        let kept = test.others.entry(KEPT, 1).peek().await.unwrap();
        let dropped = test.others.entry(DROPPED, 1).peek().await.unwrap();
        assert_eq!((kept, dropped), (Some(Some(0)), None), "{:?}", test.way);
    })
    .await;
}

async fn later_calls_of_other_methods_join_what_was_being_computed(place: Place) {
    in_every_way(place, async |test: Test| {
        let early = test.subject.spawn(KEPT, 1);
        test.row.has_begun().await;
        test.way.drop_all(&test.subject).await;
        let late = test.subject.spawn(KEPT, 1);
        while test.cache.stats().miss < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        test.row.go_on([0, 1]);
        for call in [early, late] {
            assert_eq!(call.await.unwrap(), Ok(Some(0)));
        }
        let stats = test.cache.stats();
        assert_eq!((stats.exec, stats.coalesced), (1, 1), "{:?}", test.way);
    })
    .await;
}

/// While the one that was overtaken still runs.
async fn a_later_call_of_the_method_begins_at_once_and_is_stored(place: Place) {
    in_every_way(place, async |test: Test| {
        let early = test.subject.spawn(DROPPED, 1);
        test.row.has_begun().await;
        for row in 1..4 {
            test.row.value.store(row, Ordering::SeqCst);
            test.way.drop_all(&test.others).await;
            let late = test.others.spawn(DROPPED, 1);
            // It does not wait for what was overtaken.
            test.row.has_begun().await;
            if row == 1 {
                test.row.go_on([0]);
                while !early.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            test.row.go_on([row]);
            assert_eq!(late.await.unwrap(), Ok(Some(row)));
            let stored = test.others.entry(DROPPED, 1).peek().await.unwrap();
            assert_eq!(stored, Some(Some(row)), "{:?}", test.way);
        }
        assert_eq!(
            early.await.unwrap(),
            Ok(Some(0)),
            "an early call gets what it read"
        );
    })
    .await;
}

async fn nothing_is_stored_once_leases_and_epochs_are_lost(place: Place) {
    let Some(server) = place.server() else { return };
    let cache = place.builder().build().unwrap();
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    let early = subject.spawn(DROPPED, 1);
    row.has_begun().await;
    subject.invalidate_all(DROPPED).await.unwrap();
    let key = server.keys().into_iter().find(|key| key.ends_with(":2"));
    let _: u8 = server.query(&["DEL", &key.unwrap()]);
    // There are leases again, and another epoch.
    let kept = subject.spawn(KEPT, 1);
    row.has_begun().await;
    row.go_on([0, 1]);
    assert_eq!(early.await.unwrap(), Ok(Some(0)));
    assert_eq!(kept.await.unwrap(), Ok(Some(0)));
    let dropped = subject.entry(DROPPED, 1).peek().await.unwrap();
    let kept = subject.entry(KEPT, 1).peek().await.unwrap();
    assert_eq!((dropped, kept), (None, Some(Some(0))));
}

/// Where there are many leases, those of dead processes are looked for among them.
async fn an_epoch_outlives_the_leases_before_it(place: Place) {
    let cache = place.builder().build().unwrap();
    let (row, source) = Row::slow();
    let subject = place.subject(&cache, &source);
    let mut early = Vec::new();
    for id in 0..100 {
        early.push(subject.spawn(DROPPED, id));
        row.has_begun().await;
    }
    subject.invalidate_all(DROPPED).await.unwrap();
    for id in 0..400 {
        let at_once = subject.call(KEPT, AT_ONCE + id).await;
        assert_eq!(at_once, Ok(Some(0)));
    }
    row.go_on(0..100);
    for call in early {
        assert_eq!(call.await.unwrap(), Ok(Some(0)));
    }
    for id in 0..100 {
        let stored = subject.entry(DROPPED, id).peek().await.unwrap();
        assert_eq!(stored, None, "{id}");
    }
    assert_eq!(cache.stats().error, 0);
}

/// Fifty writes a second, and methods of 100 ms.
async fn frequent_writes_leave_the_values_of_other_methods(place: Place) {
    in_every_way(place, async |test: Test| {
        test.source.runs_from_now_on(|run| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Some(run.id))
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let writes = tokio::spawn({
            let (is_over, way, others) = (is_over.clone(), test.way, test.others.clone());
            async move {
                while !is_over.load(Ordering::SeqCst) {
                    way.drop_all(&others).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
        for first in (0..200).step_by(40) {
            let calls = (first..first + 40).map(|id| test.subject.spawn(KEPT, id));
            for call in join_all(calls.collect::<Vec<_>>()).await {
                call.unwrap().unwrap();
            }
        }
        is_over.store(true, Ordering::SeqCst);
        writes.await.unwrap();
        let mut stored = 0;
        for id in 0..200 {
            let entry = test.subject.entry(KEPT, id).peek().await.unwrap();
            stored += usize::from(entry.is_some());
        }
        assert!(stored >= 190, "{:?}: {stored} of 200 stored", test.way);
    })
    .await;
}

struct Counted(AtomicU64);

#[cache_impl(policy = "lfu", single, maxsize = 8)]
impl Counted {
    async fn dropped(&self, id: u64) -> u64 {
        id
    }

    async fn kept(&self, id: u64) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst);
        id
    }
}

/// They were hit often, and nothing of them expires: a policy that counts hits would keep them for ever.
#[tokio::test]
async fn what_was_invalidated_makes_room_also_where_nothing_expires() {
    let server = Server::start();
    for builder in [
        Cache::builder(unique("room")).memory(),
        Cache::builder(unique("room")).redis(server.url()),
    ] {
        let cache = builder.deadline(PATIENT).build().unwrap();
        let repo = Counted(AtomicU64::new(0)).cached(&cache);
        for id in (0..8).cycle().take(80) {
            repo.dropped(id).await;
        }
        repo.all().dropped().invalidate().await.unwrap();
        for id in 0..400 {
            repo.kept(id).await;
        }
        assert_eq!(CachedCounted::inner(&repo).0.load(Ordering::SeqCst), 400);
        let mut found = 0;
        for id in 0..400 {
            found += usize::from(repo.entry().kept(id).peek().await.unwrap().is_some());
        }
        assert!(found >= 6, "{:?}: {found} of 8", cache.store_kind());
    }
}

#[tokio::test]
async fn a_server_that_is_full_still_invalidates() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("full")).redis(server.url());
        let cache = builder.deadline(PATIENT).build().unwrap();
        let repo = Counted(AtomicU64::new(0)).cached(&cache);
        repo.kept(1).await;
        repo.kept(2).await;
        let _: () = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
        repo.all().kept().invalidate().await.unwrap();
        assert_eq!(repo.entry().kept(1).peek().await.unwrap(), None, "{binary}");
        repo.entry().kept(2).invalidate().await.unwrap();
    }
}
