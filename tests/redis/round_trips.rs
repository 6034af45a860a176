//! How often each operation waits for the server, counted on the wire.

use std::ops::RangeInclusive;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Tags, cache_impl};
use support::{PATIENT, RoundTrips, Server, unique};
use tokio::time::sleep;

#[allow(clippy::trivially_copy_pass_by_ref)] // `tags_fn` is given a reference
fn owner_of(id: &u64) -> Tags {
    match id {
        0 => Tags::new(),
        id => Tags::new().with("owner", id),
    }
}

struct Shop;

/// Hits of fifo leave nothing behind to be recorded.
#[cache_impl(policy = "fifo", multiple)]
impl Shop {
    #[cache(name = "plain")]
    async fn plain(&self, id: u64) -> u64 {
        id
    }

    #[cache(tags(user = id, tenant = id / 10))]
    async fn tagged(&self, id: u64) -> u64 {
        id
    }

    #[cache(tags_fn = owner_of)]
    async fn owned(&self, id: u64) -> u64 {
        id
    }

    #[nocache]
    #[invalidates(plain(id))]
    async fn write(&self, id: u64) {
        let _ = id;
    }

    #[nocache]
    #[updates(plain(id))]
    async fn update(&self, id: u64) -> u64 {
        id
    }
}

/// Another build of the same program.
mod after {
    use super::*;

    pub(super) struct Shop;

    #[cache_impl(policy = "fifo", multiple)]
    impl Shop {
        #[cache(name = "plain")]
        pub(super) async fn plain(&self, id: u64) -> u64 {
            std::convert::identity(id)
        }
    }
}

/// Twenty pairs.
struct Reports;

macro_rules! reports {
    ($($name:ident)*) => {
        #[cache_impl(policy = "fifo", multiple)]
        impl Reports {
            $(#[cache(tags(report = id))]
            async fn $name(&self, id: u64) -> u64 {
                id
            })*
        }

        async fn read_all(reports: &CachedReports) {
            $(reports.$name(1).await;)*
        }
    };
}
reports!(a b c d e f g h i j k l m n o p q r s t);

struct Counter {
    trips: RoundTrips,
    counts: Vec<(&'static str, u32)>,
}

impl Counter {
    /// Counts what an operation waits for; what it leaves to the background comes after it.
    async fn count<T>(&mut self, name: &'static str, operation: impl Future<Output = T>) -> T {
        self.is_quiet().await;
        let before = self.trips.count();
        let ended = operation.await;
        self.counts.push((name, self.trips.count() - before));
        ended
    }

    async fn is_quiet(&self) {
        let mut before = self.trips.count();
        loop {
            // What is in the background may wait for a processor.
            sleep(Duration::from_millis(100)).await;
            let now = self.trips.count();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

#[tokio::test]
async fn each_operation_takes_as_many_round_trips_as_the_guide_says() {
    for binary in support::binaries() {
        let server = Server::start_on(&binary);
        let counts = counts_on(&server).await;
        for (name, trips) in &counts {
            println!("{name}: {trips}");
        }
        assert_eq!(counts.len(), GUIDE.len());
        for ((name, trips), (known, expected)) in counts.into_iter().zip(GUIDE) {
            assert_eq!(name, known);
            assert!(expected.contains(&trips), "{name}: {trips}, on {binary}");
        }
    }
}

/// As in docs/guide/performance.md.
const GUIDE: [(&str, RangeInclusive<u32>); 18] = [
    ("hit", 1..=1),
    ("hit, tags of the arguments", 1..=1),
    ("hit, tags of the value", 2..=2),
    ("hit, tags of the value, which has none", 1..=1),
    ("miss", 3..=3),
    ("miss, tags of the arguments", 3..=3),
    ("miss, tags of the value", 3..=3),
    ("peek", 1..=1),
    ("inspect", 1..=1),
    ("invalidate", 1..=1),
    ("invalidate, two builds", 1..=1),
    ("method that writes", 1..=1),
    // Here and below, the put and the removal for other builds are sent at the same time, and not always together.
    ("put", 2..=3),
    ("begin and put_if_current", 2..=2),
    ("method that updates", 2..=3),
    ("all entries of a method", 1..=1),
    ("tag, two pairs", 2..=2),
    ("tag, twenty pairs", 2..=2),
];

async fn counts_on(server: &Server) -> Vec<(&'static str, u32)> {
    let trips = RoundTrips::to(server);
    let name = unique("trips");
    let build = |name: &str| {
        let builder = Cache::builder(name).deadline(PATIENT).redis(trips.url());
        builder.build().unwrap()
    };
    let cache = build(&name);
    let (shop, after) = (Shop.cached(&cache), after::Shop.cached(&build(&name)));
    let entry = shop.entry();
    let other = build(&unique("trips"));
    let reports = Reports.cached(&other);
    let mut counter = Counter {
        trips,
        counts: Vec::new(),
    };
    // Connected, the server knows every script, and the index every pair.
    for id in [0, 1] {
        shop.plain(id).await;
        shop.tagged(id).await;
        shop.owned(id).await;
        after.plain(id).await;
    }
    warm_up(&shop, &cache).await;
    for _ in 0..2 {
        read_all(&reports).await;
        other.tag("report", &1).invalidate().await.unwrap();
    }
    read_all(&reports).await;

    shop.plain(1).await;
    counter.count("hit", shop.plain(1)).await;
    shop.tagged(1).await;
    counter
        .count("hit, tags of the arguments", shop.tagged(1))
        .await;
    shop.owned(1).await;
    counter.count("hit, tags of the value", shop.owned(1)).await;
    shop.owned(0).await;
    counter
        .count("hit, tags of the value, which has none", shop.owned(0))
        .await;
    counter.count("miss", shop.plain(2)).await;
    counter
        .count("miss, tags of the arguments", shop.tagged(2))
        .await;
    counter
        .count("miss, tags of the value", shop.owned(2))
        .await;
    let of_one = || entry.plain(2);
    assert_eq!(
        counter.count("peek", of_one().peek()).await.unwrap(),
        Some(2)
    );
    let found = counter.count("inspect", of_one().inspect()).await.unwrap();
    assert!(found.is_some());
    assert!(
        counter
            .count("invalidate", of_one().invalidate())
            .await
            .unwrap()
    );
    shop.plain(1).await;
    after.plain(1).await;
    counter
        .count("invalidate, two builds", entry.plain(1).invalidate())
        .await
        .unwrap();
    assert_eq!(after.entry().plain(1).peek().await.unwrap(), None);
    counter.count("method that writes", shop.write(2)).await;
    counter.count("put", of_one().put(&2)).await.unwrap();
    let by_token = async {
        let token = of_one().begin().await.unwrap();
        of_one().put_if_current(&2, token).await.unwrap()
    };
    assert!(counter.count("begin and put_if_current", by_token).await);
    counter.count("method that updates", shop.update(2)).await;
    let all = shop.all();
    counter
        .count("all entries of a method", all.plain().invalidate())
        .await
        .unwrap();
    shop.tagged(2).await;
    counter
        .count("tag, two pairs", cache.tag("user", &2).invalidate())
        .await
        .unwrap();
    counter
        .count("tag, twenty pairs", other.tag("report", &1).invalidate())
        .await
        .unwrap();
    read_all(&reports).await;
    counter.counts
}

/// So that the server knows all scripts.
async fn warm_up(shop: &CachedShop, cache: &Cache) {
    let entry = shop.entry().plain(9);
    entry.put(&9).await.unwrap();
    entry.inspect().await.unwrap();
    entry.invalidate().await.unwrap();
    shop.update(9).await;
    shop.all().plain().invalidate().await.unwrap();
    cache.tag("user", &9).invalidate().await.unwrap();
}
