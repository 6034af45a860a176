//! Invalidations that are declared while the store is unavailable: nothing old is read in this process before they have
//! been sent, and they are sent as soon as the store is back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, ErrorKind, LostInvalidation, cache_impl,
};
use support::{Proxy, Server, Way, unique};

const SOON: Duration = Duration::from_secs(20);
const UNTOUCHED: u64 = 50;

/// What is in the rows of all ids, and how often it was read.
#[derive(Default)]
struct Table {
    row: AtomicU64,
    runs: AtomicU64,
    is_slow: AtomicBool,
}

#[derive(Clone)]
struct Rows(Arc<Table>);

impl Rows {
    async fn read(&self) -> u64 {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
        let row = self.0.row.load(Ordering::SeqCst);
        if self.0.is_slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        row
    }
}

#[cache_impl(ttl = "1h")]
impl Rows {
    #[cache(tags(row = id))]
    async fn find(&self, id: u64) -> u64 {
        let _ = id;
        self.read().await
    }

    async fn other(&self, id: u64) -> u64 {
        let _ = id;
        self.read().await
    }

    #[cache(batch = ids, shares = find)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, u64> {
        let row = self.read().await;
        ids.iter().map(|id| (*id, row)).collect()
    }

    #[nocache]
    #[invalidates(find(id))]
    async fn change(&self, id: u64, to: u64) {
        let _ = id;
        self.0.row.store(to, Ordering::SeqCst);
    }

    #[nocache]
    #[invalidates(tag(row = id))]
    async fn change_tag(&self, id: u64, to: u64) {
        let _ = id;
        self.0.row.store(to, Ordering::SeqCst);
    }

    #[nocache]
    #[invalidates(find(..))]
    async fn change_all(&self, to: u64) {
        self.0.row.store(to, Ordering::SeqCst);
    }
}

/// How the store stops to take invalidations.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Connections are refused.
    Refuses,
    /// Nothing passes.
    Partition,
    /// Nothing answers.
    Stopped,
    /// Only what writes is refused: what is stored could be read all the while.
    ReadOnly,
}

const FAULTS: [Fault; 4] = [
    Fault::Refuses,
    Fault::Partition,
    Fault::Stopped,
    Fault::ReadOnly,
];

/// Two processes that share a cache and a table. One reaches the server through a proxy.
struct Test {
    server: Server,
    proxy: Proxy,
    table: Arc<Table>,
    cache: Cache,
    here: CachedRows,
    there: CachedRows,
}

impl Test {
    /// With entries of all ids, which hold 0.
    async fn new(settings: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let name = unique("invalidation-queue");
        let table = Arc::<Table>::default();
        let cache = settings(Cache::builder(&name).redis(proxy.url()));
        let cache = cache.build().unwrap();
        let other = Cache::builder(&name).redis(server.url()).build().unwrap();
        let here = Rows(table.clone()).cached(&cache);
        let there = Rows(table.clone()).cached(&other);
        for id in 0..=UNTOUCHED {
            for method in ["find", "other"] {
                let stored = async || match method {
                    "find" => there.entry().find(id).put(&0).await,
                    _ => there.entry().other(id).put(&0).await,
                };
                let limit = Instant::now() + SOON;
                while stored().await.is_err() {
                    assert!(Instant::now() < limit, "the store works");
                }
            }
        }
        let limit = Instant::now() + SOON;
        while here.find(0).await != 0 || cache.stats().hit == 0 {
            assert!(Instant::now() < limit, "the store works");
        }
        table.runs.store(0, Ordering::SeqCst);
        Self {
            server,
            proxy,
            table,
            cache,
            here,
            there,
        }
    }

    fn begin(&self, fault: Fault) {
        match fault {
            Fault::Refuses => self.proxy.refuse(),
            Fault::Partition => self.proxy.black_hole(&[Way::Up, Way::Down]),
            Fault::Stopped => self.server.stop(),
            Fault::ReadOnly => self.replica_of(["127.0.0.1", "1"]),
        }
    }

    fn end(&self, fault: Fault) {
        match fault {
            Fault::Refuses | Fault::Partition => self.proxy.heal(),
            Fault::Stopped => self.server.cont(),
            Fault::ReadOnly => self.replica_of(["NO", "ONE"]),
        }
    }

    // Redis 6.2 lets scripts write where replicas are missing, so the server becomes one whose primary is gone.
    fn replica_of(&self, [host, port]: [&str; 2]) {
        let _: String = self.server.query(&["REPLICAOF", host, port]);
    }

    /// What is stored, as another process sees it.
    async fn stored(&self, id: u64) -> Option<u64> {
        self.there.entry().find(id).peek().await.unwrap()
    }

    async fn is_sent(&self, id: u64, fault: Fault) {
        let limit = Instant::now() + SOON;
        while self.stored(id).await == Some(0) {
            assert!(Instant::now() < limit, "{fault:?}: it was never sent");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Until the entry is a hit here.
    async fn is_read_again(&self, id: u64, fault: Fault) {
        let limit = Instant::now() + SOON;
        loop {
            let hits = self.cache.stats().hit;
            assert_eq!(self.here.find(id).await, 1, "{fault:?}");
            if self.cache.stats().hit > hits {
                return;
            }
            assert!(Instant::now() < limit, "{fault:?}: it is never read again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Calls that go on through an outage and its end, and are never given what was there before the write.
fn watch(test: &Test, is_over: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<u64>> {
    let tasks = (0..3).map(|_| {
        let (here, is_over) = (test.here.clone(), is_over.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while !is_over.load(Ordering::SeqCst) {
                assert_eq!(here.find(1).await, 1, "an old value");
                let many = here.find_many(&[1]).await;
                assert_eq!(many[&1], 1, "an old value in a batch");
                if let Ok(peeked) = here.entry().find(1).peek().await {
                    assert_ne!(peeked, Some(0), "an old value");
                }
                calls += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            calls
        })
    });
    tasks.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_old_is_read_before_an_invalidation_has_been_sent() {
    for fault in FAULTS {
        for write in ["one", "all", "a tag", "in a transaction"] {
            let test = Test::new(|builder| builder).await;
            test.begin(fault);
            match write {
                "one" => test.here.change(1, 1).await,
                "all" => test.here.change_all(1).await,
                "a tag" => test.here.change_tag(1, 1).await,
                _ => {
                    let write = async {
                        test.here.change(1, 1).await;
                        Ok::<_, ()>(())
                    };
                    test.cache.after_commit(write).await.unwrap();
                }
            }
            let stats = test.cache.stats();
            assert_eq!((stats.queued, stats.lost), (1, 0), "{fault:?}, {write}");
            let is_over = Arc::new(AtomicBool::new(false));
            let calls = watch(&test, &is_over);
            tokio::time::sleep(Duration::from_millis(300)).await;
            test.end(fault);
            test.is_sent(1, fault).await;
            test.is_read_again(1, fault).await;
            is_over.store(true, Ordering::SeqCst);
            for calls in calls {
                assert!(calls.await.unwrap() > 0, "{fault:?}");
            }
            let others = test.stored(UNTOUCHED).await;
            let is_untouched = write != "all";
            assert_eq!(others, is_untouched.then_some(0), "{fault:?}, {write}");
            assert_eq!(test.there.entry().other(1).peek().await.unwrap(), Some(0));
            assert_eq!(test.there.find(1).await, 1, "elsewhere");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_of_the_queue_a_method_is_distrusted_as_a_whole() {
    let fault = Fault::ReadOnly;
    for at_most in [0, 3] {
        let test = Test::new(|builder| builder.invalidation_queue(at_most)).await;
        test.begin(fault);
        for id in 1..=at_most as u64 {
            test.here.change(id, 1).await;
        }
        // Until now those alone are in the queue, and others could be read.
        assert_eq!(test.here.find(UNTOUCHED).await, 0);
        test.here.change(40, 1).await;
        for id in [1, 40, UNTOUCHED, 1_000] {
            assert_eq!(test.here.find(id).await, 1, "{id} of {at_most}");
        }
        assert_eq!(test.here.other(UNTOUCHED).await, 0, "of another method");
        test.end(fault);
        for id in [1, UNTOUCHED] {
            test.is_sent(id, fault).await;
            test.is_read_again(id, fault).await;
        }
        assert_eq!(test.here.other(UNTOUCHED).await, 0);
        assert_eq!(test.cache.stats().queued, at_most as u64 + 1);
    }
}

/// Beyond the bound, all tags are distrusted, and the entries that may have one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_of_the_queue_all_tags_are_distrusted() {
    let fault = Fault::ReadOnly;
    let test = Test::new(|builder| builder.invalidation_queue(2)).await;
    test.begin(fault);
    for id in [1, 2] {
        test.here.change_tag(id, 1).await;
    }
    assert_eq!(test.here.find(UNTOUCHED).await, 0);
    test.here.change_tag(3, 1).await;
    for id in [1, 2, 3, UNTOUCHED] {
        assert_eq!(test.here.find(id).await, 1);
    }
    assert_eq!(test.here.other(UNTOUCHED).await, 0, "it has no tags");
    test.end(fault);
    test.is_sent(UNTOUCHED, fault).await;
    test.is_read_again(UNTOUCHED, fault).await;
    assert_eq!(test.there.entry().other(1).peek().await.unwrap(), Some(0));
    assert_eq!(test.there.find(40).await, 1, "elsewhere");
}

/// As ever while the store is unavailable: a database behind it is not given one query for each call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_what_is_queued_share_an_execution() {
    let fault = Fault::ReadOnly;
    let test = Test::new(|builder| builder).await;
    test.begin(fault);
    test.here.change(1, 1).await;
    test.table.is_slow.store(true, Ordering::SeqCst);
    let runs = test.table.runs.load(Ordering::SeqCst);
    let calls = (0..50).map(|_| {
        let here = test.here.clone();
        tokio::spawn(async move { here.find(1).await })
    });
    for call in join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(call.unwrap(), 1);
    }
    // Calls that came while the method ran share the next one.
    let runs = test.table.runs.load(Ordering::SeqCst) - runs;
    assert!((1..=3).contains(&runs), "{runs} executions");
    assert_eq!(test.stored(1).await, Some(0), "nothing was stored");
}

/// A later write, while the former one is being sent, is sent too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_the_queue_is_sent() {
    let test = Test::new(|builder| builder).await;
    for round in 1..=200 {
        let fault = if round % 3 == 0 {
            Fault::Refuses
        } else {
            Fault::ReadOnly
        };
        if round % 2 == 0 {
            test.begin(fault);
        }
        test.here.change(1, round).await;
        assert_eq!(test.here.find(1).await, round);
        if round % 2 == 0 {
            test.end(fault);
        }
        assert_eq!(test.here.find(1).await, round);
    }
    let limit = Instant::now() + SOON;
    while test.there.find(1).await != 200 {
        assert!(Instant::now() < limit, "the last one was never sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_returns_its_error_and_queues_nothing() {
    let fault = Fault::ReadOnly;
    let test = Test::new(|builder| builder).await;
    test.begin(fault);
    let entry = test.here.entry().find(1);
    assert_eq!(
        entry.invalidate().await.unwrap_err().kind(),
        ErrorKind::Server
    );
    test.here.all().find().invalidate().await.unwrap_err();
    assert_eq!(test.cache.stats().queued, 0);
    test.end(fault);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(test.stored(1).await, Some(0));
}

/// The reports of what was lost.
type Reports = Arc<Mutex<Vec<LostInvalidation>>>;

fn reporting(builder: CacheBuilder) -> (CacheBuilder, Reports) {
    let reports = Reports::default();
    let its = reports.clone();
    let report = move |lost: &LostInvalidation| its.lock().unwrap().push(lost.clone());
    (builder.on_lost_invalidation(report), reports)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_close_a_cache_sends_what_can_be_sent() {
    let mut reports = Reports::default();
    let test = Test::new(|builder| {
        let (builder, its) = reporting(builder);
        reports = its;
        builder
    })
    .await;
    for (round, fault) in [Fault::ReadOnly, Fault::Refuses].into_iter().enumerate() {
        test.begin(fault);
        test.here.change(round as u64, 1).await;
        test.end(fault);
    }
    test.cache.close().await;
    assert_eq!((test.stored(0).await, test.stored(1).await), (None, None));
    assert_eq!(test.cache.stats().lost, 0);
    assert!(reports.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_before_the_cache_is_closed_is_reported() {
    let secret = 987_654_321_987;
    for fault in FAULTS {
        let mut reports = Reports::default();
        let test = Test::new(|builder| {
            let (builder, its) = reporting(builder);
            reports = its;
            builder
        })
        .await;
        test.begin(fault);
        test.here.change(secret, 1).await;
        test.here.change(1, 1).await;
        let began = Instant::now();
        test.cache.close().await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{fault:?}: {took:?}");
        let lost = std::mem::take(&mut *reports.lock().unwrap());
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].method().ends_with("Rows::find"), "{lost:?}");
        assert_eq!(lost[0].entries(), Some(2));
        assert!(!format!("{lost:?}").contains(&secret.to_string()));
        assert_eq!(test.cache.stats().lost, 1);

        // And so are those that come later.
        test.here.change_tag(secret, 1).await;
        let lost = std::mem::take(&mut *reports.lock().unwrap());
        assert_eq!((lost.len(), lost[0].method()), (1, "tag row"));
        assert!(!format!("{lost:?}").contains(&secret.to_string()));
        test.here.change_all(1).await;
        let lost = std::mem::take(&mut *reports.lock().unwrap());
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(
            (lost[0].entries(), lost[0].kind()),
            (None, ErrorKind::Closed)
        );
        assert_eq!((test.cache.stats().lost, test.cache.stats().queued), (3, 2));
        assert_eq!(test.here.find(1).await, 1);
        test.end(fault);
    }
}
