//! The order of the sources: each file imports only what lies below it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::graph::{Arrow, Graph};
use support::root;

/// At the top of `runtime/src`, `lib.rs` included.
const MOST_FILES_AT_THE_TOP: usize = 18;
const MOST_LINES: usize = 400;
const LARGEST_CIRCLE: usize = 3;

/// The sources of one crate.
struct Layers {
    folder: &'static str,
    orders: &'static [Order],
}

/// What stands in one folder, from top to bottom: each imports only what comes after it.
struct Order {
    folder: &'static str,
    /// Files and folders without `.rs`, and files in such folders that have a place of their own; the
    /// file of the folder itself is `.`.
    top_down: &'static [&'static str],
}

const RUNTIME: Layers = Layers {
    folder: "runtime/src",
    orders: &[
        Order {
            folder: "",
            top_down: &[
                "lib", "private", "guide", "cache", "call", "engine", "method", "store", "entry",
                "key", "policy", "settings", "deadline", "stats", "rt", "error",
            ],
        },
        Order {
            folder: "store",
            top_down: &[
                "any",
                "test_store",
                "memory",
                "redis",
                "contract",
                "availability",
                "raw_entry",
                "token",
                "method_state",
                "listener",
                "pair",
                "index_membership",
                "tag_clock",
                "sweep",
                "maxsize",
                "clock",
                ".",
            ],
        },
        // In `write`, `read` and `health`, what the client does stands above it, and what it holds below.
        Order {
            folder: "store/redis",
            top_down: &[
                ".",
                "write",
                "read",
                "health",
                "client",
                "pair_state",
                "write/hits/pending",
                "write/leases",
                "write/put_slots",
                "write/discards",
                "read/lanes",
                "read/lane",
                "read/transport",
                "read/by_node",
                "read/server_pipelines",
                "read/queue",
                "read/pipeline",
                "write/pipeline",
                "pipeline",
                "health/endpoint",
                "health/breaker",
                "script",
                "connection",
            ],
        },
    ],
};

const MACROS: Layers = Layers {
    folder: "macros/src",
    orders: &[Order {
        folder: "",
        top_down: &[
            "lib",
            "pipeline",
            "expand",
            "fallback",
            "plan",
            "valid",
            "siblings",
            "ast",
            "args",
            "reads",
            "generics",
            "types",
            "fingerprint",
            "names",
        ],
    }],
};

impl Layers {
    fn path(&self) -> std::path::PathBuf {
        root().join(self.folder)
    }

    /// The arrows that lead up, and files that have no place in an order.
    fn faults(&self, graph: &Graph) -> BTreeSet<String> {
        let mut faults = BTreeSet::new();
        for order in self.orders {
            for file in &graph.files {
                if let Some(unit) = order.unit(file)
                    && order.rank(unit).is_none()
                {
                    faults.insert(format!(
                        "{}/{file}: `{unit}` has no place in the order of {:?}",
                        self.folder, order.folder
                    ));
                }
            }
            for arrow in graph.arrows.iter().filter(|arrow| order.is_upward(arrow)) {
                let Arrow {
                    from,
                    to,
                    line,
                    path,
                    ..
                } = arrow;
                faults.insert(format!(
                    "{}/{from}:{line}: `{path}` is defined above it, in {to}",
                    self.folder
                ));
            }
        }
        faults
    }

    fn figures(&self, graph: &Graph) -> String {
        let circles = graph.circles();
        let pairs: BTreeSet<_> = graph
            .arrows
            .iter()
            .map(|arrow| (&arrow.from, &arrow.to))
            .collect();
        let up = self.orders.iter().map(|order| {
            graph
                .arrows
                .iter()
                .filter(|arrow| order.is_upward(arrow))
                .count()
        });
        format!(
            "{}: {} files, {} at the top, {} arrows between files, {} up, largest circle {}, circles of more than {LARGEST_CIRCLE}: {}",
            self.folder,
            graph.files.len(),
            graph
                .files
                .iter()
                .filter(|file| !file.contains('/'))
                .count(),
            pairs.len(),
            up.sum::<usize>(),
            circles.first().map_or(1, BTreeSet::len),
            circles
                .iter()
                .filter(|circle| circle.len() > LARGEST_CIRCLE)
                .count(),
        )
    }
}

impl Order {
    /// The name in this folder that a file belongs to.
    fn unit<'a>(&self, file: &'a str) -> Option<&'a str> {
        let stem = file.strip_suffix(".rs")?;
        if stem == self.folder {
            return Some(".");
        }
        let rest = match self.folder {
            "" => stem,
            folder => stem.strip_prefix(folder)?.strip_prefix('/')?,
        };
        let own_place = self.top_down.iter().filter(|unit| {
            let inner = rest.strip_prefix(**unit);
            inner.is_some_and(|inner| inner.is_empty() || inner.starts_with('/'))
        });
        let longest = own_place.max_by_key(|unit| unit.len());
        longest.map_or_else(|| rest.split('/').next(), |unit| Some(&rest[..unit.len()]))
    }

    fn rank(&self, unit: &str) -> Option<usize> {
        self.top_down.iter().position(|other| *other == unit)
    }

    fn is_upward(&self, arrow: &Arrow) -> bool {
        // A wing's own file hands on what stands in the wing.
        if arrow.is_reexport && self.unit(&arrow.from) == Some(".") {
            return false;
        }
        let rank = |file| self.unit(file).and_then(|unit| self.rank(unit));
        matches!((rank(&arrow.from), rank(&arrow.to)), (Some(from), Some(to)) if from > to)
    }
}

/// Panics with a line for each fault.
fn assert_none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<_> = faults.into_iter().collect();
    assert!(
        faults.is_empty(),
        "{} faults:{}",
        faults.len(),
        listed(faults)
    );
}

/// One line for each of them.
fn listed(faults: impl IntoIterator<Item = String>) -> String {
    let lines = faults.into_iter().map(|fault| format!("\n  {fault}"));
    lines.collect()
}

#[test]
fn files_import_only_what_lies_below_them() {
    let mut faults = BTreeSet::new();
    for layers in [RUNTIME, MACROS] {
        let graph = Graph::read(&layers.path());
        println!("{}", layers.figures(&graph));
        faults.extend(layers.faults(&graph));
    }
    assert_none(faults);
}

#[test]
fn no_more_than_three_files_use_each_other() {
    let mut faults = Vec::new();
    for layers in [RUNTIME, MACROS] {
        let graph = Graph::read(&layers.path());
        let large = graph
            .circles()
            .into_iter()
            .filter(|circle| circle.len() > LARGEST_CIRCLE);
        faults.extend(large.map(|circle| {
            let inner = graph.arrows.iter().filter(|arrow| {
                !arrow.is_reexport
                    && circle.contains(arrow.from.as_str())
                    && circle.contains(arrow.to.as_str())
            });
            let inner = inner.map(|arrow| format!("{}:{} -> {}", arrow.from, arrow.line, arrow.to));
            let first = circle.first().expect("more than three");
            format!(
                "{}/{first}: in a circle of {} files: {circle:?}{}",
                layers.folder,
                circle.len(),
                listed(inner)
            )
        }));
    }
    assert_none(faults);
}

#[test]
fn folders_and_files_are_small() {
    let mut faults = Vec::new();
    for layers in [RUNTIME, MACROS] {
        for file in files(&layers.path()) {
            let lines = fs::read_to_string(layers.path().join(&file))
                .unwrap()
                .lines()
                .count();
            if lines > MOST_LINES {
                faults.push(format!(
                    "{}/{file}: {lines} lines, {MOST_LINES} at most",
                    layers.folder
                ));
            }
        }
    }
    let at_the_top = files(&RUNTIME.path())
        .iter()
        .filter(|file| !file.contains('/'))
        .count();
    if at_the_top > MOST_FILES_AT_THE_TOP {
        faults.push(format!(
            "{at_the_top} files at the top of runtime/src, {MOST_FILES_AT_THE_TOP} at most"
        ));
    }
    assert_none(faults);
}

/// What the wing is for, what it may import, where to start.
#[test]
fn wings_open_with_a_comment() {
    let mut faults = Vec::new();
    for layers in [RUNTIME, MACROS] {
        for wing in wings(&layers) {
            let text = fs::read_to_string(layers.path().join(&wing)).unwrap();
            let lines = text.lines().take_while(|line| line.starts_with("//!"));
            if lines.filter(|line| line.len() > "//! ".len()).count() < 3 {
                faults.push(format!(
                    "{}/{wing}: does not open with three lines of `//!`",
                    layers.folder
                ));
            }
        }
    }
    assert_none(faults);
}

/// `docs/design/overview.md` has a line for each file.
#[test]
fn the_map_names_every_file() {
    let map = fs::read_to_string(root().join("docs/design/overview.md")).unwrap();
    let quoted: BTreeSet<_> = map.split('`').skip(1).step_by(2).collect();
    let mut faults = Vec::new();
    for layers in [RUNTIME, MACROS] {
        let all = files(&layers.path());
        let exists: BTreeSet<_> = all
            .iter()
            .map(|file| format!("{}/{file}", layers.folder))
            .collect();
        let is_source = |name: &&str| name.starts_with(layers.folder) && is_rust(name);
        let named: BTreeSet<_> = quoted
            .iter()
            .copied()
            .filter(is_source)
            .map(str::to_owned)
            .collect();
        let missing = exists
            .difference(&named)
            .filter(|file| !is_unit_tests(file));
        faults.extend(missing.map(|file| format!("not on the map: {file}")));
        let gone = named.difference(&exists);
        faults.extend(gone.map(|file| format!("on the map, and gone: {file}")));
    }
    assert_none(faults);
}

/// Files in a folder of their own beside a parent file.
fn wings(layers: &Layers) -> BTreeSet<String> {
    let all = files(&layers.path());
    let folders = all
        .iter()
        .filter_map(|file| file.rsplit_once('/').map(|(folder, _)| folder));
    let folders =
        folders.filter(|folder| !folder.contains('/') || folder.starts_with("store/redis"));
    folders
        .map(|folder| format!("{folder}.rs"))
        .filter(|file| all.contains(file))
        .collect()
}

/// Every Rust file below a folder, with its path from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(folder, "", &mut found);
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), found);
        } else if is_rust(&name) {
            found.insert(name);
        }
    }
}

fn is_rust(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

fn is_unit_tests(file: &str) -> bool {
    file.ends_with("/tests.rs")
}
