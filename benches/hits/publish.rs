//! What the repository shows of a run: three charts, and the table in the guide.

use std::fmt::Write as _;
use std::fs;

use crate::contender::{NAMES, title};
use crate::load::Scenario;
use crate::measure::Cell;
use crate::{Results, plot, support};

const BEGIN: &str =
    "<!-- written by `cargo bench -p redis-func-cache-benches --bench hits -- --publish` -->\n";
const END: &str = "<!-- end -->";

/// Draws the charts where results are kept.
pub fn draw(results: &Results) {
    for (file, svg) in plots(results) {
        let path = support::target(file);
        fs::write(&path, svg).unwrap();
        println!("drawn: {}", path.display());
    }
}

/// Brings the charts and the guide's table up to date.
pub fn publish(results: &Results) {
    let root = support::root();
    for (file, svg) in plots(results) {
        fs::write(root.join("docs").join(file), svg).unwrap();
    }
    let chapter = root.join("docs/guide/performance.md");
    let text = fs::read_to_string(&chapter).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the chapter marks the table");
    let (_, after) = rest
        .split_once(END)
        .expect("the chapter marks the table's end");
    let table = table(results).expect("a run of all contenders, scenarios and callers");
    fs::write(&chapter, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    println!("published: docs/*.svg, docs/guide/performance.md");
}

/// Those for which there are figures.
fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let lines = [
        ("throughput.svg", plot::throughput(results)),
        ("latency.svg", plot::latency(results)),
    ];
    let lines = lines.into_iter().filter(|(_, chart)| !chart.is_empty());
    let bars = plot::comparison(results).map(|chart| ("hits.svg", chart.draw()));
    bars.into_iter()
        .chain(lines.map(|(file, chart)| (file, chart.draw())))
        .collect()
}

/// Ratios to raw GET, but for the server's CPU, which is against raw HGET; `None` where a figure is missing.
fn table(results: &Results) -> Option<String> {
    let get = |scenario, callers| cell(results, scenario, "get", callers);
    let mut table = format!(
        "Raw GET itself: {:.0} µs alone; {:.0} k/s with 16 callers, {:.0} k/s with 64, {:.0} k/s with 256; {}, {} cores.\n\n",
        get(Scenario::Hits, 1)?.p50_us,
        get(Scenario::Hits, 16)?.ops_per_s / 1e3,
        get(Scenario::Hits, 64)?.ops_per_s / 1e3,
        get(Scenario::Hits, 256)?.ops_per_s / 1e3,
        results.server,
        results.cores
    );
    table.push_str(
        "| in multiples of raw GET | p50, 1 caller | hits/s, 16 callers | 64 | 256 | Zipf, 256 | p99, 256 | server CPU of a hit, of HGET's, 256 | mixed/s, 64 | misses/s, 64 | memory |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for name in NAMES {
        let ratio = |scenario, callers, figure: fn(&Cell) -> f64| {
            let own = cell(results, scenario, name, callers)?;
            Some(figure(own) / figure(get(scenario, callers)?))
        };
        let ops = |scenario, callers| ratio(scenario, callers, |cell| cell.ops_per_s);
        let of_hget = cell(results, Scenario::Hits, name, 256)?.server_cpu_us
            / cell(results, Scenario::Hits, "hget", 256)?.server_cpu_us;
        let figures = [
            ratio(Scenario::Hits, 1, |cell| cell.p50_us)?,
            ops(Scenario::Hits, 16)?,
            ops(Scenario::Hits, 64)?,
            ops(Scenario::Hits, 256)?,
            ops(Scenario::Zipf, 256)?,
            ratio(Scenario::Hits, 256, |cell| cell.p99_us)?,
            of_hget,
            ops(Scenario::Mixed, 64)?,
            ops(Scenario::Misses, 64)?,
        ];
        let _ = write!(table, "| {} |", title(name));
        for figure in figures {
            let _ = write!(table, " {figure:.2} |");
        }
        let _ = writeln!(table, " {} |", memory(results, name));
    }
    Some(table)
}

fn memory(results: &Results, name: &str) -> String {
    let bytes = |name: &str| {
        let found = results
            .memory
            .iter()
            .find(|memory| memory.contender == name);
        found.map(|memory| memory.bytes_per_entry)
    };
    let ratio = bytes(name).zip(bytes("get")).map(|(own, get)| own / get);
    ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
}

fn cell<'r>(
    results: &'r Results,
    scenario: Scenario,
    name: &str,
    callers: usize,
) -> Option<&'r Cell> {
    results
        .cells
        .iter()
        .find(|cell| cell.scenario == scenario && cell.contender == name && cell.callers == callers)
}
