//! A rolling deployment: processes of two builds on one server. `cargo test -p redis-func-cache-tests --test processes
//! builds::` shows it.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, CacheExt as _};
use support::{PATIENT, Server, binaries, check_pairs, unique};

/// Names the variable that holds what a process is to be.
const PART: &str = "REDIS_FUNC_CACHE_BUILD";

/// A process of one of the builds, which does what it is asked line by line.
struct Program(Child);

impl Program {
    fn start(server: &Server, name: &str, layout: &str, build: &str) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "builds::a_program", "--ignored", "--nocapture"])
            .env(PART, format!("{} {name} {layout} {build}", server.url()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// What it answers: the price that it was given, and how often it has read the row.
    fn ask(&mut self, what: &str) -> (u64, u64) {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(format!("{what}\n").as_bytes()).unwrap();
        let mut lines = BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended");
            // The harness of tests writes to the same pipe, without ends of lines.
            if let Some((_, answer)) = line.split_once("answer ") {
                let (price, runs) = answer.trim().split_once(' ').unwrap();
                return (price.parse().unwrap(), runs.parse().unwrap());
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

macro_rules! program {
    ($build:ident, $cache:expr) => {{
        let row = Arc::<$build::Row>::default();
        let prices = $build::Prices {
            row: row.clone(),
            runs: AtomicU64::new(0),
            last_written: AtomicU64::new(0),
        };
        let prices = prices.cached(&$cache);
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let (what, number) = line.split_once(' ').unwrap();
            let number = number.parse().unwrap();
            match what {
                "row" => row.value.store(number, Ordering::SeqCst),
                "set" => prices.set_price(1, number).await,
                "all" => prices.set_all(number).await,
                _ => {}
            }
            let price = if what == "price" {
                prices.price(number).await
            } else {
                number
            };
            let runs = $build::CachedPrices::inner(&prices)
                .runs
                .load(Ordering::SeqCst);
            println!("\nanswer {price} {runs}");
        }
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is a process of another test"]
async fn a_program() {
    let Ok(part) = env::var(PART) else { return };
    let words: Vec<&str> = part.split(' ').collect();
    let builder = Cache::builder(words[1]).redis(words[0]).deadline(PATIENT);
    let builder = if words[2] == "single" {
        builder.single()
    } else {
        builder.multiple()
    };
    let cache = builder.build().unwrap();
    match words[3] {
        "before" => program!(before, cache),
        _ => program!(after, cache),
    }
}

#[test]
fn a_write_by_one_build_is_seen_by_the_other_and_each_keeps_its_hits() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for layout in ["single", "multiple"] {
            let name = unique("builds");
            let mut programs =
                ["before", "after"].map(|build| Program::start(&server, &name, layout, build));
            let mut version = 0;
            for write in ["set", "all", "set", "all"] {
                for writer in 0..2 {
                    let runs = programs.each_mut().map(|program| program.ask("price 1"));
                    let again = programs.each_mut().map(|program| program.ask("price 1"));
                    assert_eq!(runs, again, "{binary} {layout}: both have hits");
                    version += 1;
                    // They share the row, as they would share a database.
                    for program in &mut programs {
                        program.ask(&format!("row {version}"));
                    }
                    programs[writer].ask(&format!("{write} {version}"));
                    for (program, (_, before)) in programs.iter_mut().zip(runs) {
                        let (price, runs) = program.ask("price 1");
                        assert_eq!(price, version, "{binary} {layout} {write} by {writer}");
                        assert_eq!(runs, before + 1, "each build has an entry of its own");
                    }
                }
            }
        }
        check_pairs(&server);
    }
}
