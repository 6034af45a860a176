//! A process that has used a cache forks, as servers of several processes do: its children have none
//! of its threads, and locks that those held stay locked. Their calls are answered all the same.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fork::{Fork, fork};
use redis_func_cache::{Cache, CacheExt as _, CachedFunction, cache_impl};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use support::{Server, check_pairs, unique};

/// Names the variable that holds the server and the name of the cache.
const ORDERS: &str = "REDIS_FUNC_CACHE_FORK";
const FORKS: u64 = 20;
/// How long a child may take.
const CHILD: Duration = Duration::from_secs(20);
/// All children together take a few seconds, and the first that fails ends its parent.
const PARENT: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Repo(AtomicU64);

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst);
        id
    }

    fn find_sync(&self, id: u64) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst);
        id
    }
}

#[test]
fn forked_children_answer_on_redis() {
    let server = Server::start();
    in_a_process_of_its_own(&format!("{} {}", server.url(), unique("fork")));
    check_pairs(&server);
}

#[test]
fn forked_children_answer_in_memory() {
    in_a_process_of_its_own(&format!("memory {}", unique("fork")));
}

fn in_a_process_of_its_own(orders: &str) {
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "fork::a_parent", "--ignored", "--nocapture"])
        .env(ORDERS, orders)
        .stdout(Stdio::null())
        // With all its descendants.
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_child(&parent);
    let until = Instant::now() + PARENT;
    let status = loop {
        match parent.try_wait().unwrap() {
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            status => break status,
        }
    };
    // Of those that a failure leaves behind, none may go on.
    let _ = kill_process_group(group, Signal::KILL);
    let Some(status) = status else {
        parent.wait().unwrap();
        panic!("the parent was killed: it had not ended after {PARENT:?}");
    };
    assert!(status.success(), "{status}");
}

/// Tells the tasks of a runtime to end, also where a child has failed: the drop of the runtime waits for them.
struct EndGuard(Arc<AtomicBool>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
#[ignore = "is a process of another test"]
fn a_parent() {
    let Ok(orders) = env::var(ORDERS) else {
        return;
    };
    let (url, name) = orders.split_once(' ').unwrap();
    let builder = Cache::builder(name);
    let builder = if url == "memory" {
        builder
    } else {
        builder.redis(url)
    };
    let cache = builder.build().unwrap();
    let repo = Repo::default().cached(&cache);
    assert_eq!(repo.find_sync(1), 1);
    let function = cache.function("f").build().unwrap();
    assert_eq!(function.get_with_sync(&1, || 1), 1);
    each_child(&cache, &repo, &function, "at rest");

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let has_ended = Arc::new(AtomicBool::new(false));
    for task in 0..8 {
        let (repo, has_ended) = (repo.clone(), has_ended.clone());
        let (cache, function) = (cache.clone(), function.clone());
        runtime.spawn(async move {
            for id in (10_000 * task..).take_while(|_| !has_ended.load(Ordering::SeqCst)) {
                repo.find(id).await;
                repo.find(1).await;
                function.get_with(&id, || async { id }).await;
                // The child may find this lock held.
                cache.function("f").build().unwrap();
            }
        });
    }
    let end = EndGuard(has_ended);
    each_child(&cache, &repo, &function, "while threads call");
    drop(end);
    assert_eq!(repo.find_sync(2), 2, "the parent is as it was");
}

fn each_child(cache: &Cache, repo: &CachedRepo, function: &CachedFunction, when: &str) {
    for nth in 0..FORKS {
        match fork().unwrap() {
            Fork::Child => std::process::exit({
                let is_well =
                    child_is_well(cache, repo, nth) && function_is_well(cache, function, nth);
                i32::from(!is_well)
            }),
            Fork::Parent(pid) => assert!(ends_well(pid), "child {nth} {when}"),
        }
    }
}

fn child_is_well(cache: &Cache, repo: &CachedRepo, nth: u64) -> bool {
    let own = 1_000_000_000 + nth;
    let runs = || CachedRepo::inner(repo).0.load(Ordering::SeqCst);
    let answers = |own: u64| {
        let before = runs();
        // Connecting may take longer than a call waits.
        let until = Instant::now() + Duration::from_secs(5);
        let mut called = 0;
        while runs() - before == called && Instant::now() < until {
            called += 1;
            if repo.find_sync(own) != own {
                return false;
            }
        }
        runs() - before < called
    };
    let sync = answers(own);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let concurrent = runtime.block_on(async { repo.find(own).await == own });
    // A grandchild, of which there is one.
    let grandchild = nth > 0
        || match fork().unwrap() {
            Fork::Child => std::process::exit(i32::from(repo.find_sync(own + 1) != own + 1)),
            Fork::Parent(pid) => ends_well(pid),
        };
    let stats = cache.stats();
    sync && concurrent && grandchild && stats.hit > 0
}

/// A function of the parent is one of the child's, with statistics of its own.
fn function_is_well(cache: &Cache, function: &CachedFunction, nth: u64) -> bool {
    let own = 2_000_000_000 + nth;
    let before = cache.method_stats().get("f").map_or(0, |stats| stats.count);
    let until = Instant::now() + Duration::from_secs(5);
    let mut called = 0;
    let mut is_hit = false;
    while !is_hit && Instant::now() < until {
        let mut has_run = false;
        let value = function.get_with_sync(&own, || {
            has_run = true;
            own
        });
        if value != own {
            return false;
        }
        called += 1;
        is_hit = !has_run;
    }
    let same = cache.function("f").build();
    let entry = function.entry_sync::<u64>(&own).invalidate();
    let all = blocking(function.all().invalidate());
    let after = cache.method_stats()["f"].count;
    is_hit && before == 0 && after == called && same.is_ok() && entry.is_ok() && all.is_ok()
}

fn blocking<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Whether a child ends by itself, without an error.
fn ends_well(pid: i32) -> bool {
    let pid = Pid::from_raw(pid).unwrap();
    let until = Instant::now() + CHILD;
    loop {
        if let Some((_, status)) = waitpid(Some(pid), WaitOptions::NOHANG).unwrap() {
            return status.exit_status() == Some(0);
        }
        if Instant::now() > until {
            kill_process(pid, Signal::KILL).unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
