//! Many values at a time, large ones, and a slow server: they are stored all the same, behind calls
//! that wait no longer than they may.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{Proxy, Server, Way, check_pairs, unique};
use tokio::sync::{Mutex, Semaphore};

struct Repo {
    runs: AtomicU64,
    go_on: Semaphore,
}

impl Default for Repo {
    fn default() -> Self {
        Self {
            runs: AtomicU64::new(0),
            go_on: Semaphore::new(0),
        }
    }
}

#[cache_impl(maxsize = 100_000)]
impl Repo {
    async fn quick(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    async fn together(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        drop(self.go_on.acquire().await);
        id
    }

    async fn large(&self, id: u64) -> String {
        self.runs.fetch_add(1, Ordering::SeqCst);
        char::from(b'a' + u8::try_from(id % 26).unwrap())
            .to_string()
            .repeat(70_000)
    }
}

/// More than by default, for a machine that is busy with other things.
const BUSY: Duration = Duration::from_millis(400);

/// Each has the machine for itself.
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits until no more values are stored, and says how many there are.
async fn stored(cache: &Cache) -> u64 {
    let mut last = cache.stats().write;
    loop {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let now = cache.stats().write;
        if now == last {
            return now;
        }
        last = now;
    }
}

/// On a machine that is busy with other things calls may be late, and the breaker may open: so this
/// is tried a few times. Where values get in each other's way, it never succeeds.
async fn nine_in_ten_are_stored<Fut: Future<Output = (u64, u64)>>(attempt: impl Fn() -> Fut) {
    let _turn = TURN.lock().await;
    let mut attempts = Vec::new();
    for _ in 0..4 {
        let (stored, values) = attempt().await;
        attempts.push((stored, values));
        if stored * 10 >= values * 9 {
            return;
        }
    }
    panic!("stored, of so many: {attempts:?}");
}

/// Their methods end together, and so their puts begin together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_twenty_thousand_concurrent_callers_are_stored() {
    const CALLERS: u64 = 20_000;
    nine_in_ten_are_stored(|| async {
        let (server, cache) = start();
        let repo = Repo::default().cached(&cache);
        let source = CachedRepo::inner(&repo);
        let mut calls = Vec::new();
        for id in 0..CALLERS {
            let its = repo.clone();
            calls.push(tokio::spawn(async move { its.together(id).await }));
            // They come one after the other, as leases are asked for before the methods run.
            while id + 1 - source.runs.load(Ordering::SeqCst) > 16 {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        source.go_on.close();
        for (id, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap(), id as u64);
        }
        let stored = stored(&cache).await;
        check_pairs(&server);
        (stored, CALLERS)
    })
    .await;
}

/// Large ones take their turns, so that what is small is not late behind them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_of_many_tasks_are_stored() {
    const TASKS: u64 = 64;
    const CALLS: u64 = 10;
    nine_in_ten_are_stored(|| async {
        let (server, cache) = start();
        let repo = Repo::default().cached(&cache);
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let repo = repo.clone();
                tokio::spawn(async move {
                    for call in 0..CALLS {
                        assert_eq!(repo.large(task * CALLS + call).await.len(), 70_000);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let stored = stored(&cache).await;
        check_pairs(&server);
        (stored, TASKS * CALLS)
    })
    .await;
}

fn start() -> (Server, Cache) {
    let server = Server::start();
    let cache = Cache::builder(unique("pressure")).redis(server.url());
    let cache = cache.deadline(BUSY).build().unwrap();
    (server, cache)
}

/// A look-up, a lease and a put do not fit into the time that a call has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_stored_in_the_background_while_every_reply_is_late() {
    let _turn = TURN.lock().await;
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let cache = Cache::builder(unique("pressure")).redis(proxy.url());
    let cache = cache.build().unwrap();
    let repo = Repo::default().cached(&cache);
    // None of them is slow enough to open the breaker by itself, and three are longer than a call has.
    let (least, more) = (Duration::from_millis(34), Duration::from_millis(12));
    proxy.delay(Way::Down, least, more);
    // Most calls find the breaker open, or run out of their deadline: three that do not take their time.
    let until = Instant::now() + Duration::from_secs(240);
    for id in 0.. {
        let began = Instant::now();
        assert_eq!(repo.quick(id).await, id);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        if cache.stats().write >= 3 {
            break;
        }
        assert!(Instant::now() < until, "{:?}", cache.stats());
        // While the breaker is open, calls take no time at all.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.heal();
    check_pairs(&server);
}
