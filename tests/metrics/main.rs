//! Metrics, as a real exporter gives them to a scrape.

mod dashboard;
mod scrape;

use std::sync::Arc;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::trouble::{self, FROZEN};
use support::{PATIENT, Server, binaries, eventually, unique};
use tokio::sync::Semaphore;

use crate::scrape::{Scrape, install, scrape};

#[derive(Debug)]
struct Failure;

struct Repo(Arc<Semaphore>);

#[cache_impl(maxsize = 4)]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        id
    }

    async fn fails(&self, id: u64) -> Result<u64, Failure> {
        let _ = id;
        Err(Failure)
    }

    async fn large(&self, id: u64) -> String {
        "large".repeat(1000 + usize::try_from(id).unwrap())
    }

    async fn gated(&self, id: u64) -> u64 {
        self.0.acquire().await.unwrap().forget();
        id
    }

    #[cache(batch = ids)]
    async fn many(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

/// None of whose gated executions goes on.
fn repo(cache: &Cache) -> CachedRepo {
    Repo(Arc::new(Semaphore::new(0))).cached(cache)
}

/// A scrape in which each metric occurs.
fn every_metric() {
    install();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Nothing listens there.
        let cache = Cache::builder(unique("every")).redis("redis://127.0.0.1:1");
        let cache = cache.build().unwrap();
        repo(&cache).find(1).await;
    });
}

/// Metrics of one method.
struct OfMethod<'a> {
    scrape: Scrape,
    cache: &'a str,
    method: &'a str,
}

impl OfMethod<'_> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small counts
    fn get(&self, name: &str, own: &[(&str, &str)]) -> u64 {
        let method = format!("metrics::Repo::{}", self.method);
        let labels = [&[("cache", self.cache), ("method", &method)], own].concat();
        self.scrape.sum(name, &labels) as u64
    }
}

#[tokio::test]
async fn metrics_are_what_statistics_are() {
    install();
    let caches = std::iter::once((None, Cache::builder(unique("metrics")).memory()));
    let on_servers = binaries().into_iter().map(|binary| {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("metrics")).redis(server.url());
        (Some(server), cache.deadline(PATIENT))
    });
    for (_server, builder) in caches.chain(on_servers) {
        let cache = builder.max_entry_bytes(1000).build().unwrap();
        let repo = repo(&cache);
        for id in [1, 2, 3, 4, 5, 6, 6, 6] {
            repo.find(id).await;
        }
        repo.fails(1).await.unwrap_err();
        repo.large(1).await;
        cache.disable_rw(repo.find(1)).await;
        cache.read_only(repo.find(100)).await;
        repo.many(&[1, 2]).await;
        repo.many(&[1, 2, 3]).await;
        let of = |method| OfMethod {
            scrape: scrape(),
            cache: cache.name(),
            method,
        };
        let stats = |method: &str| cache.method_stats()[&format!("metrics::Repo::{method}")];

        let (find, counted) = (of("find"), stats("find"));
        let outcome = |name| find.get("calls_total", &[("outcome", name)]);
        assert_eq!(
            (outcome("hit"), outcome("led"), outcome("bypass")),
            (2, 7, 1)
        );
        assert_eq!(find.get("calls_total", &[]), counted.count);
        assert_eq!(
            find.get("misses_total", &[("reason", "absent")]),
            counted.miss
        );
        let result = |name| find.get("values_total", &[("result", name)]);
        assert_eq!((result("stored"), result("mode")), (6, 1));
        assert_eq!(find.get("evictions_total", &[]), counted.evicted);
        assert!(counted.evicted > 0);
        assert_eq!(find.get("stored_bytes_total", &[]), counted.stored_bytes);
        assert!(counted.stored_bytes >= 6);
        assert_eq!(find.get("saved_microseconds_total", &[]), counted.saved_us);
        assert!(
            counted.saved_us >= 2 * 2000,
            "two hits of 2 ms: {}",
            counted.saved_us
        );
        assert_eq!(find.get("execution_seconds_count", &[]), 7);
        assert_eq!(find.get("hit_seconds_count", &[]), 1, "one is sampled");
        assert_eq!(find.get("executions_in_flight", &[]), 0);

        let failed = of("fails").get("values_total", &[("result", "failed")]);
        assert_eq!(failed, 1);
        let large = of("large").get("errors_total", &[("kind", "too_large")]);
        assert_eq!((large, stats("large").error), (1, 1));
        let many = of("many");
        let outcome = |name| many.get("calls_total", &[("outcome", name)]);
        assert_eq!((outcome("hit"), outcome("led")), (2, 3), "each id is one");
    }
}

#[tokio::test]
async fn what_is_under_way_is_a_gauge() {
    install();
    let gate = Arc::new(Semaphore::new(0));
    let cache = Cache::builder(unique("gauges")).build().unwrap();
    let repo = Repo(gate.clone()).cached(&cache);
    let gauges = || {
        let of = OfMethod {
            scrape: scrape(),
            cache: cache.name(),
            method: "gated",
        };
        (
            of.get("executions_in_flight", &[]),
            of.get("followers_waiting", &[]),
        )
    };
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let repo = repo.clone();
            tokio::spawn(async move { repo.gated(1).await })
        })
        .collect();
    let reaches = async |expected| {
        let reached = async {
            while gauges() != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), reached).await;
        ended.unwrap_or_else(|_| panic!("{expected:?} is {:?}", gauges()));
    };
    reaches((1, 3)).await;
    // One that goes away is no longer counted.
    calls[3].abort();
    let [first, ..] = &calls[..] else {
        unreachable!()
    };
    first.abort();
    reaches((1, 1)).await;
    gate.add_permits(1);
    reaches((0, 0)).await;
}

#[test]
fn a_breaker_is_a_gauge_by_endpoint_and_side() {
    install();
    let server = Server::start();
    let cache = Cache::builder(unique("breaker")).redis(trouble::url(&server, server.port()));
    let cache = cache.build().unwrap();
    let repo = repo(&cache);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let endpoint = format!("127.0.0.1:{}", server.port());
    let is_open = || {
        let labels = [
            ("cache", cache.name()),
            ("endpoint", &endpoint),
            ("side", "read"),
        ];
        let has = |sample: &&scrape::Sample| {
            let mut labels = labels.iter();
            sample.name == "redis_func_cache_breaker_open"
                && labels.all(|(name, value)| sample.labels[*name] == **value)
        };
        let samples = scrape().0;
        samples.iter().find(has).map(|sample| sample.value > 0.0)
    };
    let call = |id| runtime.block_on(repo.find(id));
    call(1);
    assert_eq!(is_open(), Some(false));
    let end = (FROZEN.begin)(&server);
    eventually("it opens", Duration::from_secs(20), || {
        call(2);
        is_open() == Some(true)
    });
    end(&server);
    eventually("it closes", Duration::from_secs(20), || {
        is_open() == Some(false)
    });
}

#[test]
fn names_may_hold_anything() {
    install();
    let (cache, function) = (unique("a|b\"c\nd\\e"), "rate|\"of\"\n{x=\"y\"} 1\r\u{fc}");
    let cache = Cache::builder(&*cache).build().unwrap();
    let rate = cache.function(function).build().unwrap();
    let value: u64 = rate.get_with_sync(&1, || 7);
    assert_eq!(value, 7);
    let labels = [("cache", cache.name()), ("method", function)];
    let led = [&labels[..], &[("outcome", "led")]].concat();
    assert!((scrape().sum("calls_total", &led) - 1.0).abs() < 0.1);
    let report = cache.report();
    assert_eq!(report.methods[0].method, function);
    assert_eq!(report.to_string().lines().count(), 3, "{report}");
}

/// Prints a scrape and the report, for those who want to see them.
#[tokio::test]
async fn a_report_says_what_was_measured() {
    install();
    let cache = Cache::builder(unique("report")).build().unwrap();
    let repo = repo(&cache);
    for _ in 0..3 {
        repo.find(1).await;
    }
    let report = cache.report();
    let of_find = &report.methods[0];
    assert_eq!(of_find.method, "metrics::Repo::find");
    assert_eq!(
        (of_find.calls, of_find.executions, of_find.stored),
        (3, 1, 1)
    );
    assert!((of_find.hit_ratio.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert!(of_find.mean_execution.unwrap() >= Duration::from_millis(2));
    assert!(of_find.mean_hit.unwrap() < of_find.mean_execution.unwrap());
    assert!(of_find.saved >= Duration::from_millis(4));
    let json = serde_json::to_value(&report).unwrap();
    let seconds = json["methods"][0]["saved_seconds"].as_f64().unwrap();
    assert!((seconds - of_find.saved.as_secs_f64()).abs() < 1e-9);
    println!("{report}");
}
