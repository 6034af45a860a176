//! Reads of a multi-thread runtime go through a connection of its own, which no call depends on.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, poll_immediate};
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use support::{PATIENT, Server, check_pairs, eventually, unique};
use tokio::runtime::{Builder, Runtime};

const DEFAULT: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(5);

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u32) -> u32 {
        id
    }

    fn look(&self, id: u32) -> u32 {
        id
    }
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
}

fn connections(server: &Server) -> usize {
    let list: String = server.query(&["CLIENT", "LIST"]);
    // One is of the query itself.
    list.lines()
        .filter(|line| !line.contains("cmd=client"))
        .count()
}

fn build(server: &Server) -> (Cache, CachedRepo) {
    build_with(server, DEFAULT)
}

fn build_with(server: &Server, deadline: Duration) -> (Cache, CachedRepo) {
    let cache = Cache::builder(unique("lanes"))
        .redis(server.url())
        .deadline(deadline)
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    (cache, repo)
}

/// Calls until the runtime has its lane: a connection for reads, and one for claims and puts.
fn warm(runtime: &Runtime, server: &Server, repo: &CachedRepo, lanes: usize) {
    let mut new = 1000;
    eventually("the lane is open", SOON, || {
        new += 1;
        runtime.block_on(async { (repo.find(1).await, repo.find(new).await) });
        connections(server) == 1 + 2 * lanes
    });
}

#[test]
fn a_runtime_has_one_lane_which_ends_with_it() {
    let server = Server::start();
    let (cache, repo) = build(&server);
    let (first, second) = (runtime(2), runtime(1));
    warm(&first, &server, &repo, 1);
    warm(&second, &server, &repo, 2);
    drop(first);
    eventually("the first lane is gone", SOON, || connections(&server) == 3);
    let before = cache.stats().hit;
    assert_eq!(second.block_on(repo.find(1)), 1);
    assert_eq!(
        pollster::block_on(repo.find(1)),
        1,
        "a thread without a runtime"
    );
    assert_eq!(cache.stats().hit, before + 2);
    drop((repo, cache));
    eventually("nothing is left open", SOON, || connections(&server) == 0);
}

/// Its first call, after the tasks of its runtime were dropped: the task that the lane would live by is dropped at once.
#[test]
fn a_call_of_a_runtime_that_shuts_down_is_answered() {
    let server = Server::start();
    let (_cache, repo) = build_with(&server, PATIENT);
    let runtime = runtime(2);
    let (was_dropped, dropped) = mpsc::channel::<()>();
    runtime.spawn(async move {
        let _was_dropped = was_dropped;
        std::future::pending::<()>().await;
    });
    let (begin, begun) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    runtime.spawn(async move {
        begin.send(()).unwrap();
        // Blocks one thread of the runtime; the other one shuts down.
        assert_eq!(dropped.recv(), Err(mpsc::RecvError));
        answer.send(pollster::block_on(repo.find(1))).unwrap();
    });
    begun.recv_timeout(SOON).unwrap();
    runtime.shutdown_background();
    assert_eq!(answered.recv_timeout(SOON), Ok(1));
}

#[test]
fn a_closed_cache_opens_no_lane() {
    let server = Server::start();
    let (cache, repo) = build(&server);
    let first = runtime(1);
    warm(&first, &server, &repo, 1);
    first.block_on(cache.close());
    eventually("all are closed", SOON, || connections(&server) == 0);
    let second = runtime(1);
    for _ in 0..20 {
        assert_eq!(second.block_on(repo.find(1)), 1);
    }
    assert_eq!(connections(&server), 0);
}

#[test]
fn many_callers_of_a_runtime_are_all_answered() {
    let server = Server::start();
    let (cache, repo) = build_with(&server, PATIENT);
    let runtime = runtime(2);
    warm(&runtime, &server, &repo, 1);
    runtime.block_on(async {
        for round in 0..20 {
            let calls = (0..300).map(|i| {
                let repo = repo.clone();
                tokio::spawn(async move { repo.find(i % (1 + round * 20)).await })
            });
            for (i, call) in (0..).zip(join_all(calls).await) {
                assert_eq!(call.unwrap(), i % (1 + round * 20));
            }
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.error, stats.hit + stats.miss), (0, stats.read));
    check_pairs(&server);
}

#[test]
fn cancelled_callers_delay_no_other_call() {
    let server = Server::start();
    let (cache, repo) = build(&server);
    let runtime = runtime(2);
    warm(&runtime, &server, &repo, 1);
    runtime.block_on(async {
        for _ in 0..200 {
            // Polled once each: the first ones are on their way, the others wait for them.
            let mut calls: Vec<_> = (0..8).map(|_| Box::pin(repo.find(1))).collect();
            for call in &mut calls {
                let _ = poll_immediate(call).await;
            }
            let waits = tokio::spawn({
                let repo = repo.clone();
                async move { repo.find(1).await }
            });
            tokio::task::yield_now().await;
            drop(calls);
            assert_eq!(waits.await.unwrap(), 1);
        }
    });
    assert_eq!(cache.stats().error, 0);
}

#[test]
fn a_call_that_blocks_the_only_thread_of_its_runtime_ends_in_time() {
    let server = Server::start();
    let (cache, repo) = build(&server);
    let runtime = runtime(1);
    warm(&runtime, &server, &repo, 1);
    let task = {
        let repo = repo.clone();
        runtime.spawn(async move {
            // Not how it should be done: the thread that would read the answer waits for it.
            let started = Instant::now();
            let found = pollster::block_on(repo.find(1));
            assert_eq!(repo.look(2), 2);
            assert_eq!(repo.look(2), 2);
            (found, started.elapsed())
        })
    };
    let (found, took) = runtime.block_on(task).unwrap();
    assert_eq!(found, 1);
    assert!(took < Duration::from_secs(3), "{took:?}");
    let sync = cache
        .method_stats()
        .into_iter()
        .find(|(name, _)| name.ends_with("look"));
    assert_eq!(
        sync.unwrap().1.hit,
        1,
        "sync methods do not depend on the lane"
    );
}

#[test]
fn futures_that_are_held_but_not_polled_delay_others_only_briefly() {
    let server = Server::start();
    let (_cache, repo) = build(&server);
    let runtime = runtime(2);
    warm(&runtime, &server, &repo, 1);
    runtime.block_on(async {
        let mut held = Vec::new();
        while held.len() < 2 {
            let mut call = Box::pin(repo.find(1));
            // The answer may come while the call is still being polled.
            if poll_immediate(&mut call).await.is_none() {
                held.push(call);
            }
        }
        let started = Instant::now();
        assert_eq!(repo.find(1).await, 1);
        assert!(started.elapsed() < Duration::from_secs(3));
        drop(held);
    });
}
