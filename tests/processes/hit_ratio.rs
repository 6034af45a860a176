//! What recording hits behind the call costs in hits: next to nothing, in one process and in four.

// Shares are for people and for a bound.
#![allow(clippy::cast_precision_loss)]

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheExt as _, Policy, Touch, cache_impl};
use support::random::{Random, zipf};
use support::{Server, check_pairs, unique};

/// Ten times as many as a pair holds by default.
const KEYS: u32 = 10_000;
/// Percentage points of hits that the two ways may be apart.
const BOUND: f64 = 0.5;
/// Where processes race, or victims are drawn by lot, two runs of one way differ too.
const RUNS: u64 = 12;

const POLICIES: [(&str, Policy); 7] = [
    ("lru_t", Policy::LruT),
    ("lru", Policy::Lru),
    ("fifo", Policy::Fifo),
    ("fifo_t", Policy::FifoT),
    ("lfu", Policy::Lfu),
    ("mru", Policy::Mru),
    ("rr", Policy::Rr),
];

#[derive(Debug)]
struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u32) -> u32 {
        id
    }
}

#[tokio::test]
async fn one_process_hits_as_if_each_hit_were_recorded_at_once() {
    let server = Server::start();
    let mut comparison = Comparison::new("one process", 2_500);
    for run in 0..RUNS {
        let [exact, behind] = [true, false].map(|exact| Part {
            url: server.url(),
            name: unique("quality"),
            exact,
            seed: run,
            calls: 2_500,
            policies: comparison.open(),
        });
        let hits = [exact.run().await, behind.run().await];
        if comparison.is_close(hits) {
            break;
        }
    }
    comparison.assert();
    check_pairs(&server);
}

#[test]
fn four_processes_hit_as_if_each_hit_were_recorded_at_once() {
    let server = Server::start();
    let mut comparison = Comparison::new("four processes", 4 * 2_000);
    for run in 0..RUNS {
        let hits = [true, false].map(|exact| {
            let name = unique("quality");
            let part = |process| Part {
                url: server.url(),
                name: name.clone(),
                exact,
                seed: 4 * run + process,
                calls: 2_000,
                policies: comparison.open(),
            };
            let processes: Vec<_> = (0..4).map(|process| part(process).spawn()).collect();
            let parts = processes.into_iter().map(hits_of);
            parts.reduce(|sums, part| add(&sums, &part)).unwrap()
        });
        if comparison.is_close(hits) {
            break;
        }
    }
    comparison.assert();
    check_pairs(&server);
}

/// The hits of both ways, summed over runs.
struct Comparison {
    what: &'static str,
    calls: u64,
    runs: [u64; POLICIES.len()],
    exact: [u64; POLICIES.len()],
    behind: [u64; POLICIES.len()],
}

impl Comparison {
    fn new(what: &'static str, calls: u64) -> Self {
        let zero = [0; POLICIES.len()];
        Self {
            what,
            calls,
            runs: zero,
            exact: zero,
            behind: zero,
        }
    }

    fn shares(&self, policy: usize) -> (f64, f64) {
        let calls = (self.calls * self.runs[policy]) as f64;
        let share = |hits: u64| 100.0 * hits as f64 / calls;
        (share(self.exact[policy]), share(self.behind[policy]))
    }

    /// The policies that are not close to each other yet.
    fn open(&self) -> Vec<usize> {
        let is_open = |policy: &usize| {
            let (exact, behind) = self.shares(*policy);
            // More hits than by exact touches are no loss: `mru` with four processes has them.
            self.runs[*policy] == 0 || exact - behind > BOUND
        };
        (0..POLICIES.len()).filter(is_open).collect()
    }

    fn is_close(&mut self, [exact, behind]: [Vec<u64>; 2]) -> bool {
        for ((policy, exact), behind) in self.open().into_iter().zip(exact).zip(behind) {
            self.runs[policy] += 1;
            self.exact[policy] += exact;
            self.behind[policy] += behind;
        }
        self.open().is_empty()
    }

    fn assert(&self) {
        for (policy, (name, _)) in POLICIES.iter().enumerate() {
            let (exact, behind) = self.shares(policy);
            println!(
                "{}, {name:<6}: {exact:.2} % of calls are hits by exact touches, {behind:.2} % by those behind, {:+.2} ({} runs)",
                self.what,
                behind - exact,
                self.runs[policy]
            );
        }
        let apart: Vec<_> = self
            .open()
            .iter()
            .map(|policy| POLICIES[*policy].0)
            .collect();
        assert!(apart.is_empty(), "{}: {apart:?} are apart", self.what);
    }
}

/// What one process does of a run: a seeded Zipf trace, on a pair for each policy.
struct Part {
    url: String,
    /// Of the caches: parts of one run have the same.
    name: String,
    exact: bool,
    seed: u64,
    calls: usize,
    policies: Vec<usize>,
}

impl Part {
    /// The hits of each policy.
    async fn run(&self) -> Vec<u64> {
        let policies = self.policies.iter();
        join_all(policies.map(|policy| self.hits(POLICIES[*policy].1.clone()))).await
    }

    async fn hits(&self, policy: Policy) -> u64 {
        let mut builder = Cache::builder(&self.name)
            .redis(&self.url)
            .policy(policy)
            .deadline(Duration::from_secs(20));
        if self.exact {
            builder = builder.touch(Touch::Exact);
        }
        let cache = builder.build().unwrap();
        let repo = Repo.cached(&cache);
        for id in zipf(KEYS, 0.9, self.calls, &mut Random(self.seed)) {
            assert_eq!(repo.find(id).await, id);
        }
        assert_eq!(cache.stats().error, 0);
        cache.close().await;
        cache.stats().hit
    }

    /// Runs it in a process of its own.
    fn spawn(&self) -> Child {
        let policies: Vec<_> = self.policies.iter().map(ToString::to_string).collect();
        let Self {
            url,
            name,
            exact,
            seed,
            calls,
            ..
        } = self;
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "hit_ratio::one_of_four",
                "--ignored",
                "--nocapture",
            ])
            .env(
                PART,
                format!("{url} {name} {exact} {seed} {calls} {}", policies.join(" ")),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        Self {
            url: words[0].to_owned(),
            name: words[1].to_owned(),
            exact: words[2].parse().unwrap(),
            seed: words[3].parse().unwrap(),
            calls: words[4].parse().unwrap(),
            policies: words[5..]
                .iter()
                .map(|policy| policy.parse().unwrap())
                .collect(),
        }
    }
}

/// Names the variable that holds a part for a process.
const PART: &str = "REDIS_FUNC_CACHE_QUALITY";
const ANSWER: &str = "hits: ";

#[tokio::test]
#[ignore = "is a process of another test"]
async fn one_of_four() {
    if let Ok(part) = env::var(PART) {
        let hits = Part::parse(&part).run().await;
        let hits: Vec<_> = hits.iter().map(ToString::to_string).collect();
        println!("{ANSWER}{}", hits.join(" "));
    }
}

fn hits_of(process: Child) -> Vec<u64> {
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let answer = text.lines().find_map(|line| line.split_once(ANSWER));
    let (_, hits) = answer.unwrap_or_else(|| panic!("no answer:\n{text}"));
    hits.split(' ').map(|hits| hits.parse().unwrap()).collect()
}

fn add(one: &[u64], other: &[u64]) -> Vec<u64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one + other)
        .collect()
}
