//! One cache in a `static`, used from many runtimes, from threads without one, and from inside a
//! current-thread runtime.

use std::sync::LazyLock;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::Server;

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static CACHE: LazyLock<Cache> = LazyLock::new(|| {
    let builder = Cache::builder("anywhere").redis(SERVER.url());
    builder
        .deadline(std::time::Duration::from_secs(5))
        .build()
        .unwrap()
});

struct Repo;

#[cache_impl]
impl Repo {
    async fn double(&self, n: u64) -> u64 {
        n * 2
    }

    fn half(&self, n: u64) -> u64 {
        n / 2
    }

    /// Calls itself through another wrapper, on the same thread.
    fn nested(&self, n: u64) -> u64 {
        if n == 0 {
            0
        } else {
            Repo.cached(&CACHE).nested(n - 1) + Repo.cached(&CACHE).half(n)
        }
    }
}

async fn both() {
    let repo = Repo.cached(&CACHE);
    for n in 0..30 {
        assert_eq!(repo.double(n).await, n * 2);
        assert_eq!(repo.half(n), n / 2);
    }
    let before = CACHE.stats().hit;
    repo.double(1).await;
    repo.half(1);
    assert!(CACHE.stats().hit >= before + 2);
    assert_eq!(CACHE.stats().error, 0);
}

macro_rules! runtimes {
    ($($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            both().await;
        }
    )*};
}
runtimes!(first_runtime second_runtime third_runtime fourth_runtime fifth_runtime);

#[tokio::test(flavor = "multi_thread")]
async fn calls_work_on_a_multi_thread_runtime() {
    let tasks: Vec<_> = (0..16).map(|_| tokio::spawn(both())).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn calls_work_on_threads_without_a_runtime() {
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let repo = Repo.cached(&CACHE);
                for n in 0..30 {
                    assert_eq!(repo.half(n), n / 2);
                }
            });
        }
    });
}

#[test]
fn calls_work_on_an_executor_other_than_tokio() {
    pollster::block_on(both());
}

#[test]
fn calls_work_on_a_runtime_without_timers_or_sockets() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(both());
}

#[tokio::test]
async fn sync_methods_may_call_cached_sync_methods() {
    let repo = Repo.cached(&CACHE);
    assert_eq!(repo.nested(10), (0..=10).map(|n| n / 2).sum::<u64>());
    assert_eq!(repo.nested(10), 25);
}

/// Tokio lets a task have what channels give 128 times, and then only after it has yielded: which a
/// thread that waits never does.
#[test]
fn a_task_may_call_any_number_of_sync_methods() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.build().unwrap().block_on(async {
            let repo = Repo.cached(&CACHE);
            for n in 0..200 {
                assert_eq!(repo.half(n), n / 2);
                assert!(repo.entry().half(n).invalidate().unwrap());
                assert_eq!(repo.entry().half(n).refresh(), n / 2);
            }
        });
        done.send(()).unwrap();
    });
    let limit = std::time::Duration::from_secs(30);
    assert!(is_done.recv_timeout(limit).is_ok(), "it hangs");
}
