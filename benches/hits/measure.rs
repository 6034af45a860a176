//! Rounds of short slices over all contenders, and the medians over rounds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contender::Entrant;
use crate::load::{Load, STORED, Scenario};
use crate::support::{Server, client_cpu, median, server_cpu};

/// Longer than the interval after which hits are recorded: each contender pays for its own.
const SETTLE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub slice: Duration,
}

/// One contender under one load: medians over rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    pub scenario: Scenario,
    pub callers: usize,
    pub contender: String,
    pub ops_per_s: f64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    /// For each call.
    pub server_cpu_us: f64,
    pub client_cpu_us: Option<f64>,
    /// Calls in thousand that ran the method although the value had been stored.
    pub fell_through: f64,
    /// Reads of the large value beside these calls.
    pub large_per_s: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Memory {
    pub contender: String,
    pub bytes_per_entry: f64,
}

#[derive(Default)]
struct Samples {
    ops_per_s: Vec<f64>,
    p50_us: Vec<f64>,
    p90_us: Vec<f64>,
    p99_us: Vec<f64>,
    p999_us: Vec<f64>,
    server_cpu_us: Vec<f64>,
    client_cpu_us: Vec<f64>,
    fell_through: Vec<f64>,
    large_per_s: Vec<f64>,
}

/// Measures all contenders side by side under one load.
pub async fn cells(
    entrants: &[Entrant],
    scenario: Scenario,
    callers: usize,
    effort: Effort,
    servers: &mut [redis::Connection],
) -> Vec<Cell> {
    let mut samples: Vec<_> = entrants.iter().map(|_| Samples::default()).collect();
    let mut load = Load {
        scenario,
        callers,
        length: effort.slice,
        walk: scenario.walk(),
        slice: callers as u64 * 1_000,
    };
    for round in 0..=effort.rounds {
        for place in 0..entrants.len() {
            // No contender always follows the same one.
            let turn = (place + round) % entrants.len();
            load.slice += 1;
            let warm_up = round == 0;
            load.length = if warm_up {
                effort.slice / 4
            } else {
                effort.slice
            };
            let mut unmeasured = Samples::default();
            let samples = if warm_up {
                &mut unmeasured
            } else {
                &mut samples[turn]
            };
            slice(&entrants[turn], &load, servers, samples).await;
        }
    }
    let named = entrants.iter().zip(samples);
    named
        .map(|(entrant, samples)| Cell {
            scenario,
            callers,
            contender: entrant.name.to_owned(),
            ops_per_s: median(samples.ops_per_s),
            p50_us: median(samples.p50_us),
            p90_us: median(samples.p90_us),
            p99_us: median(samples.p99_us),
            p999_us: median(samples.p999_us),
            server_cpu_us: median(samples.server_cpu_us),
            client_cpu_us: (!samples.client_cpu_us.is_empty())
                .then(|| median(samples.client_cpu_us)),
            fell_through: samples.fell_through.iter().sum::<f64>() / effort.rounds as f64,
            large_per_s: median(samples.large_per_s),
        })
        .collect()
}

async fn slice(
    entrant: &Entrant,
    load: &Load,
    servers: &mut [redis::Connection],
    samples: &mut Samples,
) {
    let before = (
        servers.iter_mut().map(server_cpu).sum::<Duration>(),
        client_cpu(),
        entrant.runs.load(Ordering::Relaxed),
    );
    let mut calls = entrant.run(load.clone()).await;
    tokio::time::sleep(SETTLE).await;
    let after = (
        servers.iter_mut().map(server_cpu).sum::<Duration>(),
        client_cpu(),
        entrant.runs.load(Ordering::Relaxed),
    );

    let times = &mut calls.latencies_ns;
    times.sort_unstable();
    let ops = times.len() as f64;
    let per_op = |time: Duration| time.as_secs_f64() * 1e6 / ops;
    samples.ops_per_s.push(ops / calls.elapsed.as_secs_f64());
    let large = f64::from(calls.large) / calls.elapsed.as_secs_f64();
    samples.large_per_s.push(large);
    samples.p50_us.push(percentile(times, 0.5));
    samples.p90_us.push(percentile(times, 0.9));
    samples.p99_us.push(percentile(times, 0.99));
    samples.p999_us.push(percentile(times, 0.999));
    samples
        .server_cpu_us
        .push(per_op(after.0.saturating_sub(before.0)));
    let client = before
        .1
        .zip(after.1)
        .map(|(from, to)| per_op(to.saturating_sub(from) + calls.ended_cpu));
    samples.client_cpu_us.extend(client);
    if load.scenario.all_stored() {
        let ran = (after.2 - before.2) as f64;
        samples.fell_through.push(ran * 1e3 / ops);
    }
}

/// In microseconds.
fn percentile(sorted_ns: &[u32], part: f64) -> f64 {
    let last = sorted_ns.len().saturating_sub(1);
    let place = (last as f64 * part).round() as usize;
    sorted_ns
        .get(place)
        .map_or(f64::NAN, |ns| f64::from(*ns) / 1e3)
}

/// What an entry takes on the server, its share of the keys' own structures included.
pub fn memory(entrants: &[Entrant], server: &Server) -> Vec<Memory> {
    let mut connection = server.connection();
    let keys = server.keys();
    let stored = entrants.iter().filter(|entrant| entrant.name != "memory");
    stored
        .map(|entrant| {
            let own: Vec<_> = keys
                .iter()
                .filter(|key| key.starts_with(&entrant.prefix))
                .collect();
            let mut pipe = redis::pipe();
            for key in &own {
                pipe.cmd("MEMORY")
                    .arg("USAGE")
                    .arg(key)
                    .arg("SAMPLES")
                    .arg(0);
            }
            let bytes: Vec<f64> = pipe.query(&mut connection).unwrap();
            Memory {
                contender: entrant.name.to_owned(),
                bytes_per_entry: bytes.iter().sum::<f64>() / f64::from(STORED),
            }
        })
        .collect()
}
