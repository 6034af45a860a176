//! Entries that are stored together leave the same behind in the memory store and on a server, for every policy.

// What is peeked at may be a stored `None`.
#![allow(clippy::option_option)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, Policy, cache_impl};
use support::random::Random;
use support::{PATIENT, Server, binaries, check_pairs, unique};

const KEYS: u64 = 20;
const BOUND: u64 = 6;
const STEPS: usize = 60;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
}

#[cache_impl(maxsize = 6, ttl = "1h")]
impl Repo {
    /// A value that says which run it is of.
    #[cache(batch = ids)]
    async fn find_many(&self, ids: &[u64]) -> HashMap<u64, u64> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|&id| (id, 1000 * run + id)).collect()
    }
}

struct Subject {
    cache: Cache,
    repo: CachedRepo,
}

impl Subject {
    fn new(builder: CacheBuilder, policy: &Policy, clock: &Arc<AtomicU64>) -> Self {
        let builder = builder.policy(policy.clone()).deadline(PATIENT);
        let cache = builder.manual_clock(clock.clone()).build().unwrap();
        let repo = Repo::default().cached(&cache);
        Self { cache, repo }
    }

    async fn contents(&self) -> (u64, Vec<Option<Option<u64>>>, u64) {
        let mut found = Vec::new();
        for id in 0..KEYS {
            found.push(self.repo.entry().find_many(id).peek().await.unwrap());
        }
        let evicted = self.cache.stats().evicted;
        (self.cache.len().await.unwrap(), found, evicted)
    }
}

fn zadds(server: &Server) -> u64 {
    let info: String = server.query(&["INFO", "commandstats"]);
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_zadd:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// Until four entries are stored by one command: then there is a connection by which writes join.
async fn until_writes_join(subject: &Subject, server: &Server) {
    for round in 0..1000 {
        let first = 1_000_000 + 4 * round;
        let before = zadds(server);
        subject
            .repo
            .find_many(&[first, first + 1, first + 2, first + 3])
            .await;
        if zadds(server) == before + 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("writes do not join");
}

/// Different ids, in any order.
fn ids(random: &mut Random) -> Vec<u64> {
    let mut all: Vec<u64> = (0..KEYS).collect();
    let count = 1 + random.draw() % 12;
    let mut draw = || all.swap_remove(usize::try_from(random.draw()).unwrap() % all.len());
    (0..count).map(|_| draw()).collect()
}

async fn same_entries(server: Arc<Server>, policy: Policy) {
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let random = &mut Random(seed);
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let name = unique("joined");
    let memory = Subject::new(Cache::builder(&name).memory(), &policy, &clock);
    let redis = Subject::new(Cache::builder(&name).redis(server.url()), &policy, &clock);
    until_writes_join(&redis, &server).await;
    redis.cache.purge().await.unwrap();
    CachedRepo::inner(&memory.repo)
        .runs
        .store(0, Ordering::SeqCst);
    CachedRepo::inner(&redis.repo)
        .runs
        .store(0, Ordering::SeqCst);
    let warm = redis.cache.stats().evicted;
    for step in 0..STEPS {
        clock.fetch_add(1, Ordering::SeqCst);
        if random.draw().is_multiple_of(10) {
            clock.fetch_add(20 * 60_000_000, Ordering::SeqCst);
        }
        let ids = ids(random);
        let what = random.draw() % 10;
        let mut answers = Vec::new();
        for subject in [&memory, &redis] {
            let all = subject.repo.find_many(&ids);
            let answer = match what {
                0 => {
                    let entry = subject.repo.entry().find_many(ids[0]);
                    entry.invalidate().await.unwrap();
                    HashMap::new()
                }
                // Those that are there are overwritten.
                1..4 => subject.cache.write_only(all).await,
                _ => all.await,
            };
            answers.push(answer);
        }
        let at = format!(
            "{policy}, step {step}, {what}, {ids:?}, seed {seed}, {}",
            server.binary()
        );
        assert_eq!(answers[0], answers[1], "{at}");
        let (length, found, evicted) = redis.contents().await;
        assert_eq!(
            (length, found, evicted - warm),
            memory.contents().await,
            "{at}"
        );
        assert!(length <= BOUND, "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_are_stored_together_are_the_same_in_both_stores() {
    // `rr` draws lots, and puts by `mru` are not joined.
    let policies = Policy::BUILT_IN.into_iter();
    let policies = policies.filter(|policy| !matches!(policy, Policy::Rr | Policy::Mru));
    for binary in binaries() {
        let server = Arc::new(Server::start_on(&binary));
        for policy in policies.clone() {
            // On a worker, whose runtime has connections of its own.
            let same = tokio::spawn(same_entries(server.clone(), policy));
            same.await.unwrap();
        }
        check_pairs(&server);
    }
}
