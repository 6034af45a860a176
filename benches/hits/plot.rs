//! The charts of a run: bars for the README, lines for the guide.

use crate::Results;
use crate::contender::{CRATE, title};
use crate::load::Scenario;
use crate::measure::Cell;
use crate::support::svg::{Bar, BarChart, Chart, Line, Panel, Scale};

/// The memory store is left out: it asks no server, and would flatten all others.
const SHOWN: [(&str, &str, &str); 7] = [
    ("lru_t", "#1f83ff", ""),
    ("fifo", "#12a594", ""),
    ("lfu", "#8e5cf0", ""),
    ("exact", "#8a8f98", "2 4"),
    ("get", "#f0641e", ""),
    ("hget", "#c99700", "6 4"),
    ("cached", "#e0457b", "6 4"),
];

/// Hits with many callers, of those that a newcomer would compare; `None` where one was not measured.
pub fn comparison(results: &Results) -> Option<BarChart> {
    const CALLERS: usize = 256;
    let get = cell(results, "get", CALLERS)?.ops_per_s;
    let bar = |name: &str| {
        let (name, colour, _) = *SHOWN.iter().find(|(shown, ..)| *shown == name)?;
        let value = cell(results, name, CALLERS)?.ops_per_s;
        Some(Bar {
            name: title(name),
            colour,
            value,
            label: format!("{:.0} k/s, {:.2} × GET", value / 1e3, value / get),
        })
    };
    Some(BarChart {
        title: format!("Cache hits per second, {CALLERS} concurrent callers"),
        subtitle: about(results),
        bars: ["cached", "get", "lru_t"]
            .into_iter()
            .map(bar)
            .collect::<Option<_>>()?,
    })
}

/// Hits of the scenario `hits` for each number of callers.
pub fn throughput(results: &Results) -> Chart {
    let callers = callers(results);
    let lines = lines(|name| {
        let cells = callers.iter().map(|callers| cell(results, name, *callers));
        Some(
            cells
                .collect::<Option<Vec<_>>>()?
                .iter()
                .map(|cell| cell.ops_per_s)
                .collect(),
        )
    });
    Chart {
        title: "Cache hits per second".into(),
        subtitle: about(results),
        scale: Scale::Linear,
        panels: vec![Panel {
            title: "concurrent callers".into(),
            labels: callers.iter().map(ToString::to_string).collect(),
            lines,
        }],
    }
}

/// Percentiles of the same hits, for few and for many callers.
pub fn latency(results: &Results) -> Chart {
    let panel = |callers: usize| Panel {
        title: format!("{callers} callers"),
        labels: ["p50", "p90", "p99", "p99.9"].map(String::from).into(),
        lines: lines(|name| {
            let cell = cell(results, name, callers)?;
            Some(vec![cell.p50_us, cell.p90_us, cell.p99_us, cell.p999_us])
        }),
    };
    let shown = callers(results)
        .into_iter()
        .filter(|callers| [16, 256].contains(callers));
    Chart {
        title: "Latency of a cache hit in microseconds (log scale)".into(),
        subtitle: about(results),
        scale: Scale::Log,
        panels: shown.map(panel).collect(),
    }
}

/// Calls of all kinds, from hits alone to misses alone.
pub fn mixed(results: &Results) -> Chart {
    const SHARES: [(Scenario, &str); 5] = [
        (Scenario::Hits, "0"),
        (Scenario::Mixed99, "1"),
        (Scenario::Mixed, "10"),
        (Scenario::Mixed50, "50"),
        (Scenario::Misses, "100"),
    ];
    let panel = |callers: usize| Panel {
        title: format!("misses in 100 calls, {callers} callers"),
        labels: SHARES.map(|(_, share)| share.to_owned()).into(),
        lines: lines(|name| {
            let values = SHARES.iter().map(|(scenario, _)| {
                let cell = of_scenario(results, *scenario, name, callers)?;
                Some(cell.ops_per_s)
            });
            values.collect()
        }),
    };
    Chart {
        title: "Calls per second by their share of misses (log scale)".into(),
        subtitle: about(results),
        scale: Scale::Log,
        panels: [64, 256].map(panel).into(),
    }
}

fn lines(values: impl Fn(&str) -> Option<Vec<f64>>) -> Vec<Line> {
    let line = |(name, colour, dashes): (&str, _, _)| {
        Some(Line {
            name: title(name),
            colour,
            dashes,
            strong: title(name).starts_with(CRATE) && dashes.is_empty(),
            values: values(name)?,
        })
    };
    SHOWN.into_iter().filter_map(line).collect()
}

fn callers(results: &Results) -> Vec<usize> {
    let cells = results.cells.iter();
    let mut callers: Vec<_> = cells
        .filter(|cell| cell.scenario == Scenario::Hits)
        .map(|cell| cell.callers)
        .collect();
    callers.sort_unstable();
    callers.dedup();
    callers
}

fn cell<'r>(results: &'r Results, name: &str, callers: usize) -> Option<&'r Cell> {
    of_scenario(results, Scenario::Hits, name, callers)
}

fn of_scenario<'r>(
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

fn about(results: &Results) -> String {
    format!(
        "Struct of 8 fields, 1,000 keys, decoding included except for raw GET and HGET; {}, server and callers on {} cores",
        results.server, results.cores
    )
}
