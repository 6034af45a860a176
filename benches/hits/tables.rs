//! The tables of the guide. Each is `None` where a figure is missing.

use std::fmt::Write as _;

use crate::Results;
use crate::contender::{NAMES, title};
use crate::load::Scenario;
use crate::measure::Cell;

pub fn all(results: &Results) -> Option<String> {
    let (hits, mixes) = (hits(results)?, mixes(results)?);
    let (cpu, worlds) = (cpu(results)?, worlds(results)?);
    Some(format!("{hits}\n{mixes}\n{cpu}\n{worlds}"))
}

/// Ratios to raw GET, but for the server's CPU, which is against raw HGET.
fn hits(results: &Results) -> Option<String> {
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

/// Throughput of mixes and misses, with few and with many callers.
fn mixes(results: &Results) -> Option<String> {
    const COLUMNS: [(Scenario, &str); 6] = [
        (Scenario::Mixed99, "99/1"),
        (Scenario::Mixed, "90/10"),
        (Scenario::MixedTtl, "90/10, full pair, TTL"),
        (Scenario::Mixed50, "50/50"),
        (Scenario::Misses, "misses, full pair"),
        (Scenario::MissesTtl, "misses, full pair, TTL"),
    ];
    let mut table = String::from("| calls/s in multiples of raw GET and SET |");
    for (_, heading) in COLUMNS {
        let _ = write!(table, " {heading}, 64 callers | 256 |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|---|".repeat(COLUMNS.len()));
    for name in ["cached", "lru_t"] {
        let _ = write!(table, "| {} |", title(name));
        for (scenario, _) in COLUMNS {
            for callers in [64, 256] {
                let own = cell(results, scenario, name, callers)?.ops_per_s;
                let get = cell(results, scenario, "get", callers)?.ops_per_s;
                let _ = write!(table, " {:.2} |", own / get);
            }
        }
        table.push('\n');
    }
    Some(table)
}

/// What one call costs both sides.
fn cpu(results: &Results) -> Option<String> {
    const COLUMNS: [(Scenario, usize, &str); 5] = [
        (Scenario::Hits, 64, "hit, 64 callers"),
        (Scenario::Mixed, 64, "90/10, 64"),
        (Scenario::MissesTtl, 256, "miss, full pair, TTL, 256"),
        (Scenario::MissesTtl, 64, "64"),
        (Scenario::MissesTtl, 1, "1"),
    ];
    let mut table = String::from("| µs of CPU a call, server + client |");
    for (.., heading) in COLUMNS {
        let _ = write!(table, " {heading} |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|".repeat(COLUMNS.len()));
    for name in ["get", "cached", "lru_t"] {
        let _ = write!(table, "| {} |", title(name));
        for (scenario, callers, _) in COLUMNS {
            let cell = cell(results, scenario, name, callers)?;
            let client = cell.client_cpu_us.unwrap_or(f64::NAN);
            let _ = write!(table, " {:.1} + {client:.1} |", cell.server_cpu_us);
        }
        table.push('\n');
    }
    Some(table)
}

/// Hits in other worlds. Those that this machine does not have are left out.
fn worlds(results: &Results) -> Option<String> {
    let mut table = String::from(
        "| hits | callers | raw GET | redis-func-cache | ratio | server + client CPU of a GET | of a hit |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for result in &results.worlds {
        let (raw, ours) = (&result.raw, &result.ours);
        let cpu = |cell: &Cell| {
            let client = cell.client_cpu_us.unwrap_or(f64::NAN);
            format!("{:.1} + {client:.1} µs", cell.server_cpu_us)
        };
        let _ = writeln!(
            table,
            "| {} | {} | {:.0} k/s | {:.0} k/s | {:.2} | {} | {} |",
            result.world.title(),
            raw.callers,
            raw.ops_per_s / 1e3,
            ours.ops_per_s / 1e3,
            ours.ops_per_s / raw.ops_per_s,
            cpu(raw),
            cpu(ours)
        );
    }
    (!results.worlds.is_empty()).then_some(table)
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
