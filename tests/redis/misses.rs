//! Misses join: their claims are one transaction, their puts one script, and neither holds back a read.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::{join_all, poll_immediate};
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Policy, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, eventually, unique};
use tokio::sync::Semaphore;

/// Runs that wait until the test opens the gate.
#[derive(Clone)]
struct Gated {
    runs: Arc<AtomicU64>,
    waits: Arc<AtomicBool>,
    permits: Arc<Semaphore>,
}

#[cache_impl(single)]
impl Gated {
    async fn find(&self, id: u32) -> u32 {
        self.run().await;
        id
    }

    async fn other(&self, id: u32) -> u32 {
        self.run().await;
        id + 1
    }

    /// 256 KiB, for a tenth of a second.
    #[cache(ttl = "100ms")]
    async fn document(&self, id: u32) -> String {
        self.run().await;
        id.to_string().repeat(256 << 10)
    }

    #[nocache]
    async fn run(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.waits.load(Ordering::SeqCst) {
            self.permits.acquire().await.unwrap().forget();
        }
    }
}

impl Gated {
    fn new() -> Self {
        Self {
            runs: Arc::default(),
            waits: Arc::new(AtomicBool::new(false)),
            permits: Arc::new(Semaphore::new(0)),
        }
    }

    fn open(&self) {
        self.waits.store(false, Ordering::SeqCst);
        self.permits.add_permits(10_000);
    }

    /// Waits until so many runs have begun.
    async fn have_begun(&self, runs: u64) {
        tokio::time::timeout(Duration::from_secs(30), async {
            while self.runs.load(Ordering::SeqCst) < runs {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the runs begin");
    }
}

fn builder(server: &Server) -> CacheBuilder {
    Cache::builder(unique("misses"))
        .redis(server.url())
        .deadline(PATIENT)
}

fn build(builder: CacheBuilder) -> (Cache, Gated, CachedGated) {
    let cache = builder.build().unwrap();
    let source = Gated::new();
    let repo = source.clone().cached(&cache);
    (cache, source, repo)
}

fn calls(server: &Server, command: &str) -> u64 {
    let stats: String = server.query(&["INFO", "commandstats"]);
    let name = format!("cmdstat_{command}:calls=");
    let line = stats.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// Scripts that were sent, by their digests or their texts.
fn scripts(server: &Server) -> u64 {
    calls(server, "evalsha") + calls(server, "eval")
}

/// Misses until they go by the write pipeline, which is opened behind the first of them.
async fn until_joined(server: &Server, repo: &CachedGated) {
    for id in 1_000_000.. {
        let before = calls(server, "multi");
        repo.find(id).await;
        if calls(server, "multi") > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(id < 1_001_000, "no claim is a transaction");
    }
}

fn spawn(repo: &CachedGated, ids: std::ops::Range<u32>) -> Vec<tokio::task::JoinHandle<u32>> {
    let each = ids.map(|id| {
        let repo = repo.clone();
        tokio::spawn(async move { repo.find(id).await })
    });
    each.collect()
}

async fn found(calls: Vec<tokio::task::JoinHandle<u32>>) -> Vec<u32> {
    let found = join_all(calls).await;
    found.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misses_that_come_together_share_claims_and_scripts() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, source, repo) = build(builder(&server).policy(Policy::Fifo));
        until_joined(&server, &repo).await;
        let before = ["hsetnx", "multi", "exec"].map(|command| calls(&server, command));
        let stats = cache.stats();

        source.waits.store(true, Ordering::SeqCst);
        let begun = source.runs.load(Ordering::SeqCst);
        // While the server stands still, all of them come together.
        server.stop();
        let running = spawn(&repo, 0..160);
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.cont();
        source.have_begun(begun + 160).await;
        let claimed = ["hsetnx", "multi", "exec"].map(|command| calls(&server, command));
        let claims = claimed[0] - before[0];
        assert_eq!(claims, 160, "{binary}");
        assert!(claimed[1] - before[1] <= 40, "{binary}: {claimed:?}");
        assert_eq!(claimed[1] - before[1], claimed[2] - before[2]);

        let scripts_before = scripts(&server);
        server.stop();
        source.open();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.cont();
        assert_eq!(found(running).await, (0..160).collect::<Vec<_>>());
        let puts = scripts(&server) - scripts_before;
        assert!(
            (10..=60).contains(&puts),
            "{binary}: {puts} scripts for 160 puts"
        );
        let now = cache.stats();
        assert_eq!(
            (now.write - stats.write, now.error),
            (160, stats.error),
            "{binary}"
        );
        assert_eq!(
            found(spawn(&repo, 0..160)).await,
            (0..160).collect::<Vec<_>>()
        );
        assert_eq!(cache.stats().hit - stats.hit, 160, "{binary}");
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_miss_is_a_read_a_transaction_and_a_script() {
    let server = Server::start();
    let (_cache, _source, repo) = build(builder(&server).policy(Policy::Fifo));
    until_joined(&server, &repo).await;
    let count = || ["time", "multi", "exec", "hsetnx", "evalsha"].map(|name| calls(&server, name));
    let before = count();
    repo.find(1).await;
    let after = count();
    let spent: Vec<_> = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    assert_eq!(spent, [1, 1, 1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_leases_ends_by_itself_while_methods_run() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (_cache, source, repo) = build(builder(&server));
        until_joined(&server, &repo).await;
        source.waits.store(true, Ordering::SeqCst);
        let begun = source.runs.load(Ordering::SeqCst);
        let running = spawn(&repo, 0..3);
        source.have_begun(begun + 3).await;
        let leases = server.keys().into_iter().find(|key| key.ends_with(":2"));
        let leases = leases.expect("there are leases");
        eventually("the key has an end", Duration::from_secs(10), || {
            let left: i64 = server.query(&["PTTL", &leases]);
            left > 0
        });
        source.open();
        found(running).await;
        assert_eq!(server.leases_in(&leases), 0, "{binary}: no lease is left");
    }
}

/// A method has another epoch before this process claims: what it computes after that is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_after_anothers_invalidation_of_a_method_still_stores() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("stamps");
        let of = || build(Cache::builder(&*name).redis(server.url()).deadline(PATIENT));
        let ((here, source, repo), (_there, _, others)) = (of(), of());
        until_joined(&server, &repo).await;
        // A lease keeps the stamps: without one, nothing is being computed.
        source.waits.store(true, Ordering::SeqCst);
        let begun = source.runs.load(Ordering::SeqCst);
        let running = spawn(&repo, 0..2);
        source.have_begun(begun + 2).await;
        others.all().find().invalidate().await.unwrap();
        // Whatever has begun before is fenced off, what begins now is not.
        let later = spawn(&repo, 10..20);
        source.have_begun(begun + 12).await;
        let stats = here.stats();
        source.open();
        found(running).await;
        found(later).await;
        let now = here.stats();
        assert_eq!(now.write - stats.write, 10, "{binary}");
        let stored = async |id| repo.entry().find(id).peek().await.unwrap();
        assert_eq!((stored(0).await, stored(1).await), (None, None), "{binary}");
        for id in 10..20 {
            assert_eq!(stored(id).await, Some(id), "{binary}");
        }
        check_pairs(&server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_finds_what_another_process_has_stored_meanwhile() {
    let server = Server::start();
    let name = unique("meanwhile");
    let of = || build(Cache::builder(&*name).redis(server.url()).deadline(PATIENT));
    let ((here, source, repo), (_there, _, others)) = (of(), of());
    until_joined(&server, &repo).await;
    until_joined(&server, &others).await;
    let (runs, stats) = (source.runs.load(Ordering::SeqCst), here.stats());
    // Each is looked up, then stored by the other process, then claimed, as far as chance has it.
    for round in 0..300 {
        let (mine, theirs) = tokio::join!(repo.find(round), others.find(round));
        assert_eq!((mine, theirs), (round, round));
    }
    let now = here.stats();
    let ran = source.runs.load(Ordering::SeqCst) - runs;
    // Each call of this process has run the method, or was given what the other one computed.
    assert_eq!(ran + (now.hit - stats.hit), 300, "{now:?}");
    assert_eq!(now.error, stats.error);
    check_pairs(&server);
}

/// Computations that a lost connection leaves behind end, and others begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misses_survive_lost_connections() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (cache, source, repo) = build(builder(&server));
        until_joined(&server, &repo).await;
        for round in 0..20 {
            let ids = round * 50 + 1..round * 50 + 51;
            let running = spawn(&repo, ids.clone());
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            support::trouble::kill_clients(&server);
            assert_eq!(found(running).await, ids.collect::<Vec<_>>(), "{binary}");
        }
        assert_eq!(source.runs.load(Ordering::SeqCst), cache.stats().exec);
        check_pairs(&server);
    }
}

/// As in a process that was suspended, the reply to its lookup is old when it is read: the server's clock has gone on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_claim_finds_what_was_stored_before_its_lookup_was_read() {
    let server = Arc::new(Server::start());
    let name = unique("misses");
    let builder = || {
        let builder = Cache::builder(&name).redis(server.url());
        builder.deadline(PATIENT)
    };
    let (_own, source, repo) = build(builder());
    let other = builder().build().unwrap();
    let others = source.clone().cached(&other);
    until_joined(&server, &repo).await;
    let runs = source.runs.load(Ordering::SeqCst);
    let stopped = server.clone();
    let found = tokio::spawn(async move {
        stopped.stop();
        let mut call = pin!(repo.find(1));
        assert_eq!(poll_immediate(&mut call).await, None);
        // The lookup is sent.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // From here on the only thread of the runtime blocks.
        stopped.cont();
        thread::sleep(Duration::from_millis(250));
        let stored = thread::spawn(move || pollster::block_on(others.find(1)));
        assert_eq!(stored.join().unwrap(), 1);
        call.await
    });
    assert_eq!(found.await.unwrap(), 1);
    assert_eq!(source.runs.load(Ordering::SeqCst), runs + 1);
    eventually("its lease is given back", Duration::from_secs(5), || {
        server.leases() == 0
    });
}

/// An entry that has expired is read by the lookup. A claim that reads it again would hold back the claims and puts
/// that come with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_does_not_read_a_large_entry_again() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (_cache, source, repo) = build(builder(&server));
        until_joined(&server, &repo).await;
        // The first lookup that finds it learns its size, too late for the claim that follows.
        let (mut lookups, mut is_there) = (0, false);
        while lookups < 3 {
            let (before, runs) = (sent(&server), source.runs.load(Ordering::SeqCst));
            let repo = repo.clone();
            let call = tokio::spawn(async move { repo.document(1).await.len() });
            assert_eq!(call.await.unwrap(), 256 << 10);
            let runs = source.runs.load(Ordering::SeqCst) - runs;
            assert_eq!(runs, 1, "{binary}: it had expired");
            if is_there {
                lookups += 1;
                let read = (sent(&server) - before) >> 10;
                assert!(
                    lookups == 1 || (256..400).contains(&read),
                    "{binary}: {read} KiB"
                );
            }
            is_there = are_kept(&server);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}

/// Has a server that removes expired fields keep them. `false` if one is gone already.
fn are_kept(server: &Server) -> bool {
    let persist = "
        local gone = 0
        for _, key in ipairs(redis.call('KEYS', '*:1')) do
          for _, field in ipairs(redis.call('HKEYS', key)) do
            redis.pcall('HPERSIST', key, 'FIELDS', 1, field)
          end
          gone = gone + redis.call('ZCARD', (string.gsub(key, '1$', '0'))) - redis.call('HLEN', key)
        end
        return gone";
    server.query::<i64>(&["EVAL", persist, "0"]) == 0
}

/// How many bytes the server has sent.
fn sent(server: &Server) -> u64 {
    let info: String = server.query(&["INFO", "stats"]);
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().parse().unwrap()
}
