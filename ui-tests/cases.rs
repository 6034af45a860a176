//! Runs the cases in a process of their own, so that cargo builds what they depend on once.

use std::env;
use std::process::{Command, Output};

/// What trybuild passes to the compiler, and the width of its messages. By itself it passes the width with the cases only,
/// and cargo would build their dependencies once with it and once without.
const RUSTFLAGS: [&str; 6] = [
    "--cfg",
    "trybuild",
    "--verbose",
    "-A",
    "dead_code",
    "--diagnostic-width=140",
];

/// Runs an ignored test of this program, and prints what it prints.
pub fn run(test: &str) -> Output {
    let program = env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap();
    let mut cases = Command::new(&program);
    cases
        .args([test, "--exact", "--ignored", "--nocapture"])
        .args(env::args().filter(|argument| argument.starts_with("trybuild=")))
        .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"))
        // Build scripts and macros are there already.
        .env("CARGO_BUILD_BUILD_DIR", target);
    // What cargo has set for this test would have the build script of `ring` run again.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cases.env_remove(&variable);
        }
    }
    let output = cases.output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output
}
