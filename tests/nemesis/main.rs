//! Several processes call at random on one server, while a nemesis breaks and heals it and them.
//! What they saw is written down, and held against the rules afterwards.
//!
//! `NEMESIS_MINUTES` makes it last longer than a few rounds, `NEMESIS_SEED` repeats one.

mod broken;
mod client;
mod faults;
mod history;
mod ops;
mod rules;
mod runs;
mod shop;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use client::{Orders, Work};
use faults::Clients;
use history::{Fault, History, now_us};
use redis_func_cache::Cache;
use rules::Bounds;
use support::random::Random;
use support::{Server, binaries, check_pairs, eventually, unique};

const PROCESSES: u32 = 3;
const TASKS: u64 = 16;
const SECONDS: u64 = 5;
/// Rounds of the short form; one more has a random seed.
const SEEDS: [u64; 2] = [1, 2];

const BOUNDS: Bounds = Bounds {
    ttl_us: 1_000 * client::TTL_MS,
    call_us: 100_000,
    handle_us: 1_000_000,
    lease_us: 2_000_000,
    timeout_us: 400_000,
    slack_us: 1_000_000,
};

#[test]
fn the_rules_hold_under_random_faults() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let fresh = u64::from(since_1970.subsec_micros());
    let seed = number("NEMESIS_SEED");
    let Some(minutes) = number("NEMESIS_MINUTES") else {
        let seeds = seed.map_or_else(|| [&SEEDS[..], &[fresh]].concat(), |seed| vec![seed]);
        seeds.into_iter().for_each(round);
        return;
    };
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut seed = seed.unwrap_or(fresh);
    while Instant::now() < end {
        round(seed);
        seed += 1;
    }
}

fn round(seed: u64) {
    let binaries = binaries();
    let binary = &binaries[usize::try_from(seed).unwrap() % binaries.len()];
    let server = Server::start_on(binary);
    let directory = env::temp_dir().join(unique("nemesis"));
    fs::create_dir(&directory).unwrap();
    let until_us = now_us() + SECONDS * 1_000_000;
    let orders = Orders {
        url: server.url(),
        name: unique("nemesis"),
        directory: directory.clone(),
        process: 0,
        seed,
        tasks: TASKS,
        until_us,
        work: Work::Calls,
    };
    println!(
        "seed {seed} on {binary}, history in {}",
        directory.display()
    );

    let mut random = Random(seed);
    let mut processes = Processes::start(orders.clone());
    let faults = faults::rage(&server, &mut processes, until_us - 500_000, &mut random);
    let started = processes.wait();
    write(&directory, &faults);
    // What is there in the end is held against the rules as well.
    let looking = Orders {
        process: started,
        ..orders.clone()
    };
    block_on(client::look_around(&looking));
    let mut history = History::read(&directory, started + 2);
    history.faults = faults;

    let mut counts = BTreeMap::<&str, u32>::new();
    for fault in &history.faults {
        *counts.entry(&fault.name).or_default() += 1;
    }
    let (queued, lost) = (history.closed.values()).fold((0, 0), |(queued, lost), closed| {
        (queued + closed.queued, lost + closed.lost)
    });
    println!(
        "seed {seed}: {} calls and {} runs of {started} processes, {queued} invalidations sent again, {lost} given up, {} \
         faults survived: {counts:?}",
        history.calls.len(),
        history.runs.len(),
        history.faults.len(),
    );
    let breaches = rules::breaches(&history, &BOUNDS);
    assert!(
        breaches.is_empty(),
        "seed {seed}, history in {}:\n{}",
        directory.display(),
        rules::summary(&breaches)
    );
    assert!(history.calls.len() > 1_000, "that was no load");
    mend(&server, &orders);
    check_pairs(&server);
    fs::remove_dir_all(&directory).unwrap();
}

/// A half of a pair that was lost is repaired by the next puts. Where fields have a TTL, those that
/// ended leave members without a value until there is no room: so the pairs are filled again.
fn mend(server: &Server, orders: &Orders) {
    let name = &orders.name;
    let cache = Cache::builder(name).redis(server.url()).build().unwrap();
    let orders = Orders {
        process: u32::MAX,
        ..orders.clone()
    };
    eventually("the pairs are whole again", Duration::from_secs(20), || {
        block_on(client::fills_pairs(&cache, &orders))
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    runtime.unwrap().block_on(future)
}

fn write(directory: &Path, faults: &[Fault]) {
    let text: String = faults
        .iter()
        .map(|fault| serde_json::to_string(fault).unwrap() + "\n")
        .collect();
    fs::write(directory.join("faults.jsonl"), text).unwrap();
}

/// The client processes, which end with this one.
struct Processes {
    orders: Orders,
    started: u32,
    running: Vec<(u32, Child)>,
}

impl Processes {
    fn start(orders: Orders) -> Self {
        let mut processes = Self {
            orders,
            started: 0,
            running: Vec::new(),
        };
        for _ in 0..PROCESSES {
            processes.spawn();
        }
        processes
    }

    fn spawn(&mut self) {
        let process = self.started;
        self.started += 1;
        let orders = Orders {
            process,
            ..self.orders.clone()
        };
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_client", "--ignored", "--nocapture"])
            .env(ORDERS, serde_json::to_string(&orders).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.running.push((process, child));
    }

    /// Waits for all to end by themselves, and says how many there were.
    fn wait(mut self) -> u32 {
        let limit = Instant::now() + Duration::from_secs(SECONDS + 30);
        for (process, child) in &mut self.running {
            let ended = |child: &mut Child| child.try_wait().unwrap();
            let mut status: Option<ExitStatus> = ended(child);
            while status.is_none() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(20));
                status = ended(child);
            }
            // One that hangs is killed at the drop: its history tells what never returned.
            assert!(
                status.is_none_or(|status| status.success()),
                "process {process}: {status:?}"
            );
        }
        self.started
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Clients for Processes {
    fn pick(&mut self, random: &mut Random) -> (u32, u32) {
        let nth = usize::try_from(random.draw() % self.running.len() as u64).unwrap();
        let (process, child) = &self.running[nth];
        (*process, child.id())
    }

    fn replace(&mut self, process: u32) {
        let nth = self.running.iter().position(|(known, _)| *known == process);
        let (_, mut child) = self.running.swap_remove(nth.unwrap());
        child.wait().unwrap();
        self.spawn();
    }
}

/// Names the variable that holds the orders of a process.
const ORDERS: &str = "REDIS_FUNC_CACHE_NEMESIS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is a process of another test"]
async fn a_client() {
    if let Ok(orders) = env::var(ORDERS) {
        client::run(serde_json::from_str(&orders).unwrap()).await;
    }
}
