//! What a cached method costs the compiler and the binary: CPU time of a build and size of the stripped program, for each
//! method, above the same crate with its methods as they are.
//!
//!     cargo bench -p redis-func-cache-benches --bench compile_cost                            # 200 methods over 20 types
//!     cargo bench -p redis-func-cache-benches --bench compile_cost -- --types 5 --rounds 1    # fewer
//!
//! The crate is written to `target/compile-cost`, and stays there for a closer look. Its feature `cached` decides whether
//! its methods are; one that always is stands for what the library costs once. Dependencies are built beforehand and
//! not counted. The profiles are those that every new crate has, but for the stripped program. Needs Linux, which says
//! how much time children have used.

// Figures are for people: what a float cannot hold exactly does not matter here.
#![allow(clippy::cast_precision_loss)]

mod generated;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use serde::Serialize;

use generated::METHODS;

/// For each method, above what it costs uncached.
const RELEASE_GOAL_S: f64 = 0.15;
const DEBUG_GOAL_S: f64 = 0.05;
const SIZE_GOAL_KB: f64 = 12.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Profile {
    Release,
    Debug,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Build {
    cpu_s: f64,
    size_kb: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    profile: &'static str,
    methods: usize,
    plain: Build,
    cached: Build,
    cpu_s_of_a_method: f64,
    size_kb_of_a_method: f64,
}

fn main() -> ExitCode {
    if children_cpu_s().is_none() {
        support::skipped("the cost of compiling (there is no /proc/self/stat)");
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str, otherwise| {
        let at = words.iter().position(|word| word == name);
        at.map_or(otherwise, |at| words[at + 1].parse().unwrap())
    };
    let (types, rounds) = (option("--types", 20), option("--rounds", 2));
    let package = Package::generate(types);
    let rows = [Profile::Release, Profile::Debug].map(|profile| package.measure(profile, rounds));
    println!(
        "\nfor each of {} methods, above the plain one",
        rows[0].methods
    );
    let [release, debug] = &rows;
    let goals = [
        (
            "release, CPU seconds",
            release.cpu_s_of_a_method,
            RELEASE_GOAL_S,
        ),
        (
            "release, stripped KB",
            release.size_kb_of_a_method,
            SIZE_GOAL_KB,
        ),
        ("debug, CPU seconds", debug.cpu_s_of_a_method, DEBUG_GOAL_S),
    ];
    for (what, figure, goal) in goals {
        let met = if figure <= goal { "met" } else { "NOT MET" };
        println!("{what:<22} {figure:>8.3}  <= {goal} {met}");
    }
    support::save("compile_cost.json", &rows);
    ExitCode::SUCCESS
}

/// The generated crate.
struct Package {
    directory: PathBuf,
    methods: usize,
}

impl Package {
    fn generate(types: usize) -> Self {
        let root = support::root();
        let directory = root.join("target/compile-cost");
        let source = directory.join("src");
        // What an earlier run with more types has left.
        let _ = fs::remove_dir_all(&source);
        fs::create_dir_all(&source).unwrap();
        fs::write(directory.join("Cargo.toml"), generated::manifest(&root)).unwrap();
        fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
        fs::write(source.join("main.rs"), generated::main(types)).unwrap();
        fs::write(source.join("lib.rs"), "//! Nothing.\n").unwrap();
        fs::write(source.join("db.rs"), generated::DATABASE).unwrap();
        for number in 0..types {
            let file = source.join(format!("{}.rs", generated::module(number)));
            fs::write(file, generated::repository(number)).unwrap();
        }
        Self {
            directory,
            methods: types * METHODS,
        }
    }

    fn measure(&self, profile: Profile, rounds: usize) -> Row {
        // With it the dependencies.
        self.cargo(profile, &["--lib"]);
        let [mut plain, mut cached] = [false, true].map(|cached| self.build(profile, cached));
        for _ in 1..rounds {
            plain = plain.least(self.build(profile, false));
            cached = cached.least(self.build(profile, true));
        }
        let each =
            |figure: fn(Build) -> f64| (figure(cached) - figure(plain)) / self.methods as f64;
        let row = Row {
            profile: profile.name(),
            methods: self.methods,
            plain,
            cached,
            cpu_s_of_a_method: each(|build| build.cpu_s),
            size_kb_of_a_method: each(|build| build.size_kb),
        };
        println!(
            "{:<8} plain {:>6.2} s {:>7.0} KB   cached {:>6.2} s {:>7.0} KB",
            row.profile, plain.cpu_s, plain.size_kb, cached.cpu_s, cached.size_kb
        );
        row
    }

    /// Builds the program from the beginning, and sees that it works: it calls each method.
    fn build(&self, profile: Profile, cached: bool) -> Build {
        let target = self.directory.join("target").join(profile.name());
        remove_own(&target.join("incremental"));
        // Cargo compares times.
        let main = self.directory.join("src/main.rs");
        fs::write(&main, fs::read(&main).unwrap()).unwrap();
        let features: &[&str] = if cached {
            &["--features", "cached"]
        } else {
            &[]
        };
        let cpu_s = self.cargo(profile, features);
        let program = target.join(generated::NAME);
        let mut run = Command::new(&program);
        let status = run.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "the generated program fails");
        Build {
            cpu_s,
            size_kb: fs::metadata(program).unwrap().len() as f64 / 1000.0,
        }
    }

    /// Returns how much time it has used.
    fn cargo(&self, profile: Profile, arguments: &[&str]) -> f64 {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["build", "--offline", "--quiet", "--target-dir", "target"])
            .args(arguments)
            .args((profile == Profile::Release).then_some("--release"))
            .current_dir(&self.directory)
            .env_remove("RUSTFLAGS");
        let before = children_cpu_s().unwrap();
        let status = cargo.status().unwrap();
        assert!(status.success(), "the generated crate does not build");
        children_cpu_s().unwrap() - before
    }
}

impl Profile {
    /// That of its directory, too.
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }
}

impl Build {
    /// Other programs can only have added to the time.
    fn least(self, other: Self) -> Self {
        Self {
            cpu_s: self.cpu_s.min(other.cpu_s),
            size_kb: self.size_kb.min(other.size_kb),
        }
    }
}

/// What the compiler keeps of the crate from build to build.
fn remove_own(incremental: &Path) {
    let crate_name = generated::NAME.replace('-', "_");
    for entry in fs::read_dir(incremental).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&crate_name) {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

/// What all children of this process that have ended, and theirs, have used.
fn children_cpu_s() -> Option<f64> {
    /// Of a second; the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name of the program, which may hold spaces.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(13);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}
