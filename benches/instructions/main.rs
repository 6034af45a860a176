//! Instructions and time of the client's part of a call. Fails where a count is a tenth above the one on record.
//!
//!     cargo bench -p redis-func-cache-benches --bench instructions                # compares with benches/instructions/counts.txt
//!     cargo bench -p redis-func-cache-benches --bench instructions -- --bless     # writes it
//!     cargo bench -p redis-func-cache-benches --features metrics --bench instructions # with a recorder of metrics
//!
//! Counts are those of valgrind's callgrind, for which programs run on a plain processor: SHA-1 takes more instructions
//! there than by a real one's own. Without valgrind there are only times.

// Figures are for people: what a float cannot hold exactly does not matter here.
#![allow(clippy::cast_precision_loss)]

mod cases;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use support::{median, skipped};

/// Times of a case in two runs: the difference leaves out what a process does once. That differs by itself where a recorder
/// of metrics sets its clock, so they are far apart.
const FEW: u64 = 2_000;
const MANY: u64 = 22_000;
/// How much a count may grow.
const TOLERANCE: f64 = 1.1;
/// So that a count near zero can change by one.
const GRACE: f64 = 3.0;
/// Key, look-up and bookkeeping, without the decode, in nanoseconds.
const GOAL_NS: f64 = 500.0;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [child, name, times] = &words[..]
        && child == "--child"
    {
        cases::run(name, times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let missing = Command::new("valgrind").arg("--version").output().is_err();
    if missing {
        skipped("instruction counts (valgrind is missing; Debian: apt-get install valgrind)");
    }
    let recorded = recorded();
    let (mut counts, mut grown) = (BTreeMap::new(), Vec::new());
    println!(
        "{:<24} {:>8} {:>13} {:>9}",
        "", "ns", "instructions", "recorded"
    );
    for name in cases::NAMES {
        print!("{name:<24} {:>8.1}", nanoseconds(name));
        if !missing {
            let count = instructions(name);
            print!(" {count:>13.0}");
            if let Some(before) = recorded.get(name) {
                print!(" {before:>9.0}");
                if count > before * TOLERANCE + GRACE {
                    grown.push(name);
                    print!("  GROWN");
                }
            }
            counts.insert(name, count);
        }
        println!();
    }
    let bookkeeping = nanoseconds("hit of a bool");
    let met = if bookkeeping <= GOAL_NS {
        "met"
    } else {
        "NOT MET"
    };
    println!("\nkey, look-up and bookkeeping: {bookkeeping:.0} ns  <= {GOAL_NS:.0} {met}");
    if words.iter().any(|word| word == "--bless") && !missing {
        bless(&counts);
    } else if !grown.is_empty() {
        println!("more instructions than on record: {}", grown.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn file() -> PathBuf {
    support::root().join("benches/instructions/counts.txt")
}

fn recorded() -> BTreeMap<String, f64> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.rsplit_once(": "));
    lines
        .map(|(name, count)| (name.to_owned(), count.parse().unwrap()))
        .collect()
}

fn bless(counts: &BTreeMap<&str, f64>) {
    let mut text = String::new();
    for (name, count) in counts {
        let _ = writeln!(text, "{name}: {count:.0}");
    }
    fs::write(file(), text).unwrap();
}

/// On this very processor: the median of some batches.
fn nanoseconds(name: &str) -> f64 {
    const BATCH: u64 = 20_000;
    let batch = |_| {
        let start = Instant::now();
        cases::run(name, BATCH);
        start.elapsed().as_secs_f64() * 1e9 / BATCH as f64
    };
    median((0..15).map(batch).collect())
}

fn instructions(name: &str) -> f64 {
    (collected(name, MANY) - collected(name, FEW)) / (MANY - FEW) as f64
}

/// What callgrind counts in a whole process that does a case so many times.
fn collected(name: &str, times: u64) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args(["--child", name, &times.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = line.unwrap_or_else(|| panic!("callgrind failed:\n{text}"));
    count.trim().parse().unwrap()
}
