//! What a put and a hit cost in pairs of 1,000 to 1,000,000 entries.
//!
//!     cargo bench -p redis-func-cache-benches --bench growth                      # lru_t, lfu and fifo: two minutes
//!     cargo bench -p redis-func-cache-benches --bench growth -- --quick           # up to 100,000 entries
//!     cargo bench -p redis-func-cache-benches --bench growth -- --only mru,rr     # other policies
//!
//! Results: `target/bench/growth.json`.

// Figures are for people: what a float cannot hold exactly does not matter here.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]

#[path = "support/mod.rs"]
mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, Policy, cache_impl};
use serde::Serialize;
use support::{Product, Random, Server, median, server_cpu};

const CALLERS: u64 = 16;
const ROUNDS: usize = 5;
const HITS: u64 = 8_000;
/// Few enough to leave the size of a small pair what it is.
const PUTS_WITH_ROOM: u64 = 160;
const PUTS_WHEN_FULL: u64 = 3_200;
/// How much dearer a put may be in the largest pair than in the smallest.
const GOAL: f64 = 1.5;
/// Longer than the interval after which hits are recorded.
const SETTLE: Duration = Duration::from_millis(25);

#[derive(Default)]
struct Source {
    runs: AtomicU64,
}

#[cache_impl]
impl Source {
    async fn find(&self, id: u64) -> Product {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Product::new(id)
    }
}

/// One pair, seen by a cache with room and by one that it fills.
struct Pair {
    entries: u64,
    roomy: Handle,
    full: Handle,
    next: u64,
}

#[derive(Clone)]
struct Handle {
    cache: Cache,
    source: Arc<CachedSource>,
}

impl Handle {
    fn new(server: &Server, policy: &Policy, entries: u64, maxsize: u64) -> Self {
        let builder = Cache::builder(format!("pair-{entries}"))
            .redis(server.url())
            .policy(policy.clone())
            .maxsize(maxsize)
            .deadline(Duration::from_secs(10));
        let cache = builder.build().unwrap();
        let source = Arc::new(Source::default().cached(&cache));
        Self { cache, source }
    }

    fn runs(&self) -> u64 {
        CachedSource::inner(&self.source)
            .runs
            .load(Ordering::Relaxed)
    }
}

#[derive(Debug, Serialize)]
struct Row {
    policy: String,
    entries: u64,
    what: &'static str,
    server_cpu_us: f64,
    p50_us: f64,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    let decades = if quick { 3..=5 } else { 3..=6 };
    let only = words.iter().position(|word| word == "--only");
    let only = only.map_or("lru_t,lfu,fifo", |place| &words[place + 1]);
    let mut rows = Vec::new();
    println!("server CPU in microseconds (and median time at {CALLERS} callers) of one call");
    for name in only.split(',') {
        let policy = policy(name);
        let server = Server::start();
        let mut pairs = Vec::new();
        for decade in decades.clone() {
            pairs.push(grow(&server, &policy, 10_u64.pow(decade)).await);
        }
        let measured = measure(name, &mut pairs, &server).await;
        print(name, &measured);
        rows.extend(measured);
    }
    support::save("growth.json", &rows);
}

fn policy(name: &str) -> Policy {
    match name {
        "lru_t" => Policy::LruT,
        "lru" => Policy::Lru,
        "fifo" => Policy::Fifo,
        "fifo_t" => Policy::FifoT,
        "lfu" => Policy::Lfu,
        "mru" => Policy::Mru,
        "rr" => Policy::Rr,
        _ => panic!("{name} is no policy"),
    }
}

async fn grow(server: &Server, policy: &Policy, entries: u64) -> Pair {
    let roomy = Handle::new(server, policy, entries, 100 * entries);
    // With many callers, or the largest pair takes a minute.
    let fill = roomy.clone();
    calls(256, entries, move |id| put(&fill, id)).await;
    assert_eq!(roomy.cache.len().await.unwrap(), entries);
    Pair {
        entries,
        full: Handle::new(server, policy, entries, entries),
        roomy,
        next: entries,
    }
}

/// All sizes by turns; hits first, while every entry is where it was put.
async fn measure(policy: &str, pairs: &mut [Pair], server: &Server) -> Vec<Row> {
    let mut rows = Vec::new();
    for what in ["hit", "put with room", "put when full"] {
        let mut samples = vec![(Vec::new(), Vec::new()); pairs.len()];
        // The first round warms up.
        for round in 0..=ROUNDS {
            for (pair, samples) in pairs.iter_mut().zip(&mut samples) {
                let (cpu, p50) = sample(what, pair, round, server).await;
                if round > 0 {
                    samples.0.push(cpu);
                    samples.1.push(p50);
                }
            }
        }
        rows.extend(pairs.iter().zip(samples).map(|(pair, samples)| Row {
            policy: policy.to_owned(),
            entries: pair.entries,
            what,
            server_cpu_us: median(samples.0),
            p50_us: median(samples.1),
        }));
    }
    rows
}

/// Server CPU and median time of a call, in microseconds.
async fn sample(what: &str, pair: &mut Pair, round: usize, server: &Server) -> (f64, f64) {
    let mut connection = server.connection();
    let before = server_cpu(&mut connection);
    let latencies = match what {
        "hit" => hits(pair, round).await,
        "put with room" => puts(pair.roomy.clone(), &mut pair.next, PUTS_WITH_ROOM).await,
        _ => puts(pair.full.clone(), &mut pair.next, PUTS_WHEN_FULL).await,
    };
    tokio::time::sleep(SETTLE).await;
    let cpu = server_cpu(&mut connection).saturating_sub(before);
    let count = latencies.len() as f64;
    let times = latencies.into_iter().map(|time| time.as_secs_f64() * 1e6);
    (cpu.as_secs_f64() * 1e6 / count, median(times.collect()))
}

async fn hits(pair: &Pair, round: usize) -> Vec<Duration> {
    let mut random = Random(round as u64);
    let ids: Arc<[u64]> = (0..HITS).map(|_| random.draw() % pair.entries).collect();
    let source = pair.roomy.source.clone();
    let runs = pair.roomy.runs();
    let hit = move |place: u64| {
        let (source, id) = (source.clone(), ids[place as usize]);
        async move { drop(source.find(id).await) }
    };
    let latencies = calls(CALLERS, HITS, hit).await;
    assert_eq!(pair.roomy.runs(), runs, "a hit ran the method");
    latencies
}

async fn puts(handle: Handle, next: &mut u64, count: u64) -> Vec<Duration> {
    let first = *next;
    *next += count;
    calls(CALLERS, count, move |place| put(&handle, first + place)).await
}

fn put(handle: &Handle, id: u64) -> impl Future<Output = ()> + Send + use<> {
    let Handle { cache, source } = handle.clone();
    async move {
        cache.write_only(source.find(id)).await;
    }
}

/// Makes `count` calls, shared among callers, and says how long each took.
async fn calls<C, F>(callers: u64, count: u64, call: C) -> Vec<Duration>
where
    C: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let call = call.clone();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            for place in (caller..count).step_by(callers as usize) {
                let started = Instant::now();
                call(place).await;
                latencies.push(started.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    latencies
}

fn print(policy: &str, rows: &[Row]) {
    println!("\n{policy}");
    for what in ["hit", "put with room", "put when full"] {
        let rows: Vec<_> = rows.iter().filter(|row| row.what == what).collect();
        print!("{what:<14}");
        for row in &rows {
            print!(
                "  {:>9}: {:>5.2} ({:>5.0})",
                row.entries, row.server_cpu_us, row.p50_us
            );
        }
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            continue;
        };
        let cpu = last.server_cpu_us / first.server_cpu_us;
        let time = last.p50_us / first.p50_us;
        print!("   last / first: {cpu:.2} ({time:.2})");
        if what != "hit" {
            let met = if cpu.max(time) <= GOAL {
                "met"
            } else {
                "NOT MET"
            };
            print!("  <= {GOAL} {met}");
        }
        println!();
    }
}
