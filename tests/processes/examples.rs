//! Every example, run as its users run it: in memory and on a server it prints the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, fs};

use support::{Server, check_pairs, root};

const EXAMPLES: [&str; 6] = [
    "custom_codec",
    "modes_and_stats",
    "policies",
    "quickstart",
    "service",
    "sync_methods",
];

#[test]
fn every_example_is_tested_and_in_the_index() {
    let names = fs::read_dir(directory()).unwrap().filter_map(|item| {
        let path = item.unwrap().path();
        let is_example = path.is_dir() || path.extension().is_some_and(|end| end == "rs");
        is_example.then(|| path.file_stem().unwrap().to_str().unwrap().to_owned())
    });
    let names: BTreeSet<_> = names.collect();
    assert_eq!(names, EXAMPLES.map(str::to_owned).into());
    let index = fs::read_to_string(directory().join("README.md")).unwrap();
    for name in names {
        assert!(index.contains(&format!("[`{name}`]")), "{name}");
    }
}

#[test]
fn quickstart_answers_the_second_call_from_memory() {
    let lines = lines_of("quickstart", None);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("first call: 2026000 in "));
    assert!(lines[1].starts_with("second call: 2026000 in "));
    assert_eq!(lines[2], "hits: 1, misses: 1");
}

#[test]
fn quickstart_shows_the_keys_it_made_on_a_server() {
    let server = Server::start();
    let lines = lines_of("quickstart", Some(&server));
    let hits = lines.iter().find_map(|line| line.strip_prefix("hits: "));
    let hits: u64 = hits.unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(hits >= 1, "{lines:?}");

    let printed = lines.iter().filter_map(|line| line.strip_prefix("key: "));
    // The index of pairs is written in the background.
    let mut printed: Vec<_> = printed.filter(|key| !key.ends_with(":pairs")).collect();
    printed.sort_unstable();
    assert_eq!(printed, server.keys());
    let stem = "func-cache:quickstart:lru_t:Reports::revenue#";
    for (key, end) in printed.iter().zip([":0", ":1", ":2"]) {
        let hash = key.strip_prefix(stem).unwrap().strip_suffix(end).unwrap();
        assert_eq!(hash.len(), 16, "{key}");
    }
    assert_eq!(printed.len(), 3);
    check_pairs(&server);
}

#[test]
fn each_policy_keeps_what_it_says() {
    let lines = lines_on_both("policies", |line| !line.starts_with("rr "));
    let [title, fifo, fifo_t, lru, lru_t, mru, lfu, warm] = &*lines else {
        panic!("{lines:?}");
    };
    assert!(title.contains("with room for 3"));
    for (line, outcome) in [
        (fifo, "fifo    survivors: BGH  hits:  3 of 15  evicted: 9"),
        (fifo_t, "fifo_t  survivors: BGH  hits:  3 of 15  evicted: 9"),
        (lru, "lru     survivors: ABH  hits:  3 of 15  evicted: 9"),
        (lru_t, "lru_t   survivors: ABH  hits:  3 of 15  evicted: 9"),
        (mru, "mru     survivors: BDF  hits:  4 of 15  evicted: 8"),
        (lfu, "lfu     survivors: ABH  hits:  7 of 15  evicted: 5"),
        (warm, "warm    survivors: ABH  hits:  7 of 15  evicted: 5"),
    ] {
        assert_eq!(line, outcome);
    }
}

#[test]
fn modes_and_statistics_are_those_of_the_scope() {
    let lines = lines_on_both("modes_and_stats", |_| true);
    for line in [
        "read_only:  Rome: sunny (run 1); Oslo: sunny (run 2)",
        "write_only: Rome: sunny (run 3)",
        "normal:     Rome: sunny (run 3)",
        "disable_rw: Rome: sunny (run 4)",
        "with_mode:  Rome: sunny (run 3)",
        "scope: calls 2, hits 1, misses 1, runs 1, stored 1, bypassed 0",
        "cache: calls 10, hits 5, misses 3, runs 5, stored 3, bypassed 1",
        "entries: 2",
    ] {
        assert!(lines.iter().any(|printed| printed == line), "{line}");
    }
}

#[test]
fn sync_methods_work_from_threads_without_a_runtime() {
    let lines = lines_on_both("sync_methods", |_| true);
    for line in [
        "fib(80) = 23416728348467685",
        "runs: 81",
        "from threads: [55, 6765, 832040]",
        "half(7): Err(\"7 is odd\"), Err(\"7 is odd\")",
        "peek half(8): Some(4), half(7): None",
        "after put: Ok(44)",
        "refresh: Ok(4)",
        "invalidate: true, false",
        "hits: 1, runs: 0",
    ] {
        assert!(lines.iter().any(|printed| printed == line), "{line}");
    }
}

#[test]
fn a_custom_codec_writes_and_reads_what_it_is_given() {
    let lines = lines_on_both("custom_codec", |_| true);
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("PrettyJson stores: {"), 2);
    assert_eq!(count("PrettyJson reads "), 1);
    assert_eq!(count("discounted: Price { cents: 3150,"), 2);
    assert_eq!(lines.last().unwrap(), "hits: 3, undecodable: 0");
}

#[test]
fn the_service_answers_over_http_and_a_write_drops_the_entry() {
    let lines = lines_on_both("service", is_the_same_everywhere);
    let expected = [
        "SQL: select user 1",
        "GET /users/1: 404 ",
        "GET /users/1: 404 ",
        "SQL: replace user 1",
        "PUT /users/1: 200 \"renamed\"",
        "SQL: select user 1",
        "GET /users/1: 200 {\"id\":1,\"name\":\"Ada\"}",
        "GET /users/1: 200 {\"id\":1,\"name\":\"Ada\"}",
        "GET /stats: 200 {\"hits\":2,\"misses\":2}",
    ];
    assert_eq!(lines[..expected.len()], expected);
}

#[test]
fn the_service_asks_for_the_users_of_orders_with_one_query() {
    let lines = lines_on_both("service", is_the_same_everywhere);
    let renamed = lines
        .iter()
        .rposition(|line| line.starts_with("GET /stats"));
    let lines = &lines[renamed.unwrap() + 1..];
    let puts = |line: &&String| line.contains("PUT") || line.contains("replace");
    let expected = [
        "SQL: select orders",
        "SQL: select user 2",
        "SQL: select user 3",
        "SQL: select user 9",
        "GET /orders/one-by-one: 200 [{\"order\":1,\"user\":\"Ada\"},{\"order\":2,\"user\":\"Grace\"},\
         {\"order\":3,\"user\":\"Edsger\"},{\"order\":4,\"user\":\"Grace\"},{\"order\":5,\"user\":null}]",
        "SQL: select orders",
        "SQL: select users [2, 3]",
        "GET /orders: 200 [{\"order\":1,\"user\":\"Ada\"},{\"order\":2,\"user\":\"Barbara\"},\
         {\"order\":3,\"user\":\"Tony\"},{\"order\":4,\"user\":\"Barbara\"},{\"order\":5,\"user\":null}]",
        "SQL: select orders",
        "GET /orders: 200 [{\"order\":1,\"user\":\"Ada\"},{\"order\":2,\"user\":\"Barbara\"},\
         {\"order\":3,\"user\":\"Tony\"},{\"order\":4,\"user\":\"Barbara\"},{\"order\":5,\"user\":null}]",
    ];
    let asked: Vec<_> = lines.iter().filter(|line| !puts(line)).collect();
    assert_eq!(asked, expected);
}

#[test]
fn the_service_reports_how_well_its_methods_do() {
    let lines = lines_of("service", None);
    let start = lines
        .iter()
        .position(|line| line == "GET /cache: 200 cache service");
    let report = &lines[start.expect("a report")..];
    let columns: Vec<_> = report[1].split_whitespace().take(3).collect();
    assert_eq!(columns, ["method", "calls", "hits"]);
    let row = report.iter().find(|line| line.contains("::find "));
    let row: Vec<_> = row.expect("a row").split_whitespace().collect();
    let calls = row
        .iter()
        .position(|column| column.ends_with("::find"))
        .unwrap()
        + 1;
    assert!(row[calls].parse::<u64>().unwrap() >= 4, "{row:?}");
    assert_eq!(row[calls + 2], "%", "{row:?}");
}

/// Neither a port nor a report, which has times.
fn is_the_same_everywhere(line: &str) -> bool {
    let others = [
        "listening on ",
        "GET /cache",
        "method ",
        "service::",
        "    ",
    ];
    !line.is_empty() && !others.iter().any(|start| line.starts_with(start))
}

/// The lines that are the same in memory and on a server; `kept` leaves out those that need not be.
fn lines_on_both(name: &str, kept: fn(&str) -> bool) -> Vec<String> {
    let server = Server::start();
    let [memory, redis] = [None, Some(&server)].map(|server| {
        let mut lines = lines_of(name, server);
        lines.retain(|line| kept(line));
        lines
    });
    assert_eq!(memory, redis);
    assert!(!server.keys().is_empty());
    check_pairs(&server);
    redis
}

/// The README promises a quick start: what it compiles is counted.
#[test]
fn quickstart_compiles_few_crates() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "redis-func-cache",
            "--edges",
            "normal,build,dev",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let text = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<_> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    println!("{} crates", crates.len());
    assert!((50..=100).contains(&crates.len()), "{crates:#?}");
}

/// What an example prints.
fn lines_of(name: &str, server: Option<&Server>) -> Vec<String> {
    let mut command = Command::new(program(name));
    for variable in ["REDIS_URL", "DATABASE", "PORT"] {
        command.env_remove(variable);
    }
    if let Some(server) = server {
        command.env("REDIS_URL", server.url());
    }
    if name == "service" {
        command.arg("--self-test");
    }
    let output = command.output().unwrap();
    let [text, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{name} failed\n{text}\n{errors}");
    assert_eq!(errors, "", "{name} prints errors");
    text.lines().map(str::to_owned).collect()
}

/// Where cargo has put an example. They are targets of other packages, so they are built here, once.
fn program(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let this = env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    BUILT.call_once(|| build(profile));
    let folder = if name == "service" { "" } else { "examples" };
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    profile.join(folder).join(file)
}

/// Features and packages are those of `cargo test --workspace`, so that no dependency is built a second time.
fn build(profile: &Path) {
    let profile_name = profile.file_name().unwrap().to_str().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo has set for this test. The build script of `ring` runs again where it differs, and all that depends on it
    // would be built twice: for this, and for the next command of the user.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&variable);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "--workspace", "--all-features"])
        .args(["--examples", "--bins"])
        .args(["--profile", profile_name.replace("debug", "dev").as_str()])
        .arg("--target-dir")
        .arg(profile.parent().unwrap())
        .current_dir(root())
        .status();
    assert!(status.unwrap().success(), "the examples do not build");
}

fn directory() -> PathBuf {
    root().join("examples")
}
