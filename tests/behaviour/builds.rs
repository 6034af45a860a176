//! During a deployment two builds of a program are at work: each has entries of its own, and a write through either
//! reaches those of both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _};
use support::{Cluster, PATIENT, Server, check_pairs, unique};

/// Both builds, each as it would be in a process of its own.
struct Deployment {
    before: before::CachedPrices,
    after: after::CachedPrices,
    /// Each build has a copy of the row: both are written at once.
    rows: (Arc<before::Row>, Arc<after::Row>),
}

impl Deployment {
    fn on(build: impl Fn() -> Cache) -> Self {
        let rows = (Arc::<before::Row>::default(), Arc::<after::Row>::default());
        let (old, new) = (
            before::Prices {
                row: rows.0.clone(),
                runs: AtomicU64::new(0),
                last_written: AtomicU64::new(0),
            },
            after::Prices {
                row: rows.1.clone(),
                runs: AtomicU64::new(0),
                last_written: AtomicU64::new(0),
            },
        );
        Self {
            before: old.cached(&build()),
            after: new.cached(&build()),
            rows,
        }
    }

    /// How often each build has run its methods.
    fn runs(&self) -> (u64, u64) {
        let old = before::CachedPrices::inner(&self.before);
        let new = after::CachedPrices::inner(&self.after);
        (
            old.runs.load(Ordering::SeqCst),
            new.runs.load(Ordering::SeqCst),
        )
    }

    async fn prices(&self, id: u64) -> (u64, u64) {
        (self.before.price(id).await, self.after.price(id).await)
    }

    /// The database changes, and no one invalidates yet.
    fn change(&self, value: u64) {
        self.rows.0.value.store(value, Ordering::SeqCst);
        self.rows.1.value.store(value, Ordering::SeqCst);
    }

    fn hold(&self, is_held: bool) {
        self.rows.0.is_held.send_replace(is_held);
        self.rows.1.is_held.send_replace(is_held);
    }

    /// Writes through one of the builds, by each of the ways.
    async fn write(&self, way: usize, value: u64) {
        self.change(value);
        match way {
            0 => self.before.set_price(1, value).await,
            1 => self.after.set_price(1, value).await,
            2 => self.before.set_all(value).await,
            3 => self.after.set_all(value).await,
            4 => drop(self.before.entry().price(1).invalidate().await.unwrap()),
            5 => drop(self.after.entry().price(1).invalidate().await.unwrap()),
            6 => self.before.all().price().invalidate().await.unwrap(),
            7 => self.after.all().price().invalidate().await.unwrap(),
            8 => self.before.entry().price(1).put(&value).await.unwrap(),
            9 => self.after.entry().price(1).put(&value).await.unwrap(),
            10 => _ = self.before.reprice(1, value).await,
            _ => _ = self.after.reprice(1, value).await,
        }
    }
}

const WAYS: usize = 12;

type Layout = fn(CacheBuilder) -> CacheBuilder;

const LAYOUTS: [Layout; 4] = [
    CacheBuilder::single,
    CacheBuilder::multiple,
    |builder| builder.single().cluster(),
    |builder| builder.multiple().cluster(),
];

/// Runs a body in every layout: in memory, on a server, and on a cluster where the names are made for one.
async fn in_every_layout<F: Future<Output = ()>>(body: impl Fn(Deployment) -> F) {
    let (server, cluster) = (Server::start(), Cluster::start());
    for (at, layout) in LAYOUTS.iter().enumerate() {
        let name = unique("builds");
        let named = || layout(Cache::builder(&name)).deadline(PATIENT);
        let memory = named().memory().build().unwrap();
        body(Deployment::on(|| memory.clone())).await;
        body(Deployment::on(|| {
            named().redis(server.url()).build().unwrap()
        }))
        .await;
        if at >= 2 {
            body(Deployment::on(|| {
                named().redis_cluster(cluster.urls()).build().unwrap()
            }))
            .await;
        }
    }
    check_pairs(&server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_build_has_its_own_entries_and_hits() {
    in_every_layout(|builds| async move {
        assert_eq!(builds.prices(1).await, (0, 0));
        assert_eq!(builds.runs(), (1, 1), "neither reads the other's entry");
        for _ in 0..5 {
            builds.prices(1).await;
        }
        assert_eq!(builds.runs(), (1, 1), "both have hits");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_one_build_reaches_the_entries_of_both() {
    in_every_layout(|builds| async move {
        assert_eq!(
            (builds.before.other(5).await, builds.after.other(5).await),
            (5, 5)
        );
        for (way, value) in (0..WAYS).zip(1..) {
            builds.prices(1).await;
            builds.write(way, value).await;
            assert_eq!(builds.prices(1).await, (value, value), "way {way}");
            let runs = builds.runs();
            builds.prices(1).await;
            builds.before.other(5).await;
            builds.after.other(5).await;
            assert_eq!(builds.runs(), runs, "way {way}: what is current stays");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_one_build_fences_what_the_other_is_computing() {
    in_every_layout(|builds| async move {
        let builds = &builds;
        for (way, value) in (0..WAYS).zip(1..) {
            builds.before.set_price(1, value - 1).await;
            builds.change(value - 1);
            let runs = builds.runs();
            builds.hold(true);
            let reads = async { builds.prices_at_once(1).await };
            let writes = async {
                let have_read = async {
                    while builds.runs() != (runs.0 + 1, runs.1 + 1) {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                };
                let in_time = tokio::time::timeout(Duration::from_secs(20), have_read);
                in_time.await.expect("both have read the row");
                builds.write(way, value).await;
                builds.hold(false);
            };
            futures_util::join!(reads, writes);
            assert_eq!(builds.prices(1).await, (value, value), "way {way}");
        }
    })
    .await;
}

impl Deployment {
    async fn prices_at_once(&self, id: u64) {
        futures_util::join!(self.before.price(id), self.after.price(id));
    }
}
