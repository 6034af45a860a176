//! Hits and misses beside what else there is, side by side in one run on a private server.
//!
//!     cargo bench -p redis-func-cache-benches --bench hits                 # below four minutes
//!     cargo bench -p redis-func-cache-benches --bench hits -- --quick      # below two
//!     cargo bench -p redis-func-cache-benches --bench hits -- --only get,lru_t --scenarios hits --callers 1,256
//!     cargo bench -p redis-func-cache-benches --bench hits -- --worlds sync,cluster
//!     cargo bench -p redis-func-cache-benches --features metrics --bench hits -- --only get,lru_t --scenarios hits
//!
//! `--scenarios` measures no worlds, and `--worlds` no scenarios. With the feature `metrics` there is a recorder of metrics.
//! Further arguments: `--rounds N`; `--slice MILLISECONDS`; `--publish`, which renews the charts in `docs/` and the tables in
//! the guide's chapter on performance; `--draw`, which measures nothing and shows the last results. Results:
//! `target/bench/hits.json`.

// Figures are for people: what a float cannot hold exactly does not matter here.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod args;
mod batch;
mod contender;
mod goals;
mod load;
mod measure;
mod plot;
mod print;
mod publish;
mod round_trips;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod worlds;

use args::Args;
use contender::Entrant;
use goals::Goal;
use load::Scenario;
use measure::{Cell, Memory};
use serde::{Deserialize, Serialize};
use support::Server;
use worlds::WorldResult;

/// Everything that one run found out.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Results {
    server: String,
    cores: usize,
    rounds: usize,
    slice_ms: u64,
    cells: Vec<Cell>,
    memory: Vec<Memory>,
    worlds: Vec<WorldResult>,
    goals: Vec<Goal>,
}

/// As many workers as the smallest machine has cores, so that runs elsewhere can be compared.
#[tokio::main(worker_threads = 2)]
async fn main() {
    let args = Args::parse(std::env::args().skip(1)).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    });
    support::install_recorder();
    let results = if args.draw {
        support::load("hits.json").expect("results of a run before this one")
    } else {
        let results = run(&args).await;
        support::save("hits.json", &results);
        results
    };
    print::memory(&results.memory);
    print::goals(&results.goals);
    publish::draw(&results);
    if args.publish {
        publish::publish(&results);
    }
}

async fn run(args: &Args) -> Results {
    let mut results = Results {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        rounds: args.effort.rounds,
        slice_ms: args.effort.slice.as_millis() as u64,
        ..Results::default()
    };
    for scenario in &args.scenarios {
        // A server of its own, so that none begins with what another left.
        let server = Server::start();
        results.server = server.binary().to_string();
        measure(*scenario, args, &server, &mut results).await;
    }
    for world in &args.worlds {
        let measured = worlds::measure(*world, args.effort);
        measured.iter().for_each(print::world);
        results.worlds.extend(measured);
    }
    results.goals = goals::check(&results.cells);
    results
        .goals
        .extend(results.worlds.iter().map(goals::world));
    let (hit, miss) = round_trips::count(&Server::start()).await;
    println!("\nround trips: {hit:.2} a hit, {miss:.2} a miss");
    results.goals.push(goals::miss(miss));
    let faster = batch::measure(&Server::start()).await;
    results.goals.extend(goals::batch(faster));
    results
}

async fn measure(scenario: Scenario, args: &Args, server: &Server, results: &mut Results) {
    let mut connections = [server.connection()];
    let mut entrants = Vec::new();
    for name in &args.contenders {
        let mut callers = args.callers.iter();
        if callers.any(|callers| scenario.includes(name, *callers)) {
            entrants.push(Entrant::enter(name, scenario, server).await);
        }
    }
    if scenario == Scenario::Hits {
        results.memory = measure::memory(&entrants, server);
    }
    for callers in &args.callers {
        let mut names = args.contenders.iter();
        if !names.any(|name| scenario.includes(name, *callers)) {
            continue;
        }
        let cells =
            measure::cells(&entrants, scenario, *callers, args.effort, &mut connections).await;
        print::cells(&cells);
        results.cells.extend(cells);
    }
}
