//! What this library wants to reach, and whether it did.

use serde::{Deserialize, Serialize};

use crate::contender::title;
use crate::load::Scenario;
use crate::measure::Cell;

/// One ratio, of medians of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Goal {
    pub what: String,
    pub contender: String,
    pub at_least: bool,
    pub limit: f64,
    pub ratio: f64,
    pub met: bool,
}

struct Rule {
    callers: usize,
    figure: fn(&Cell) -> f64,
    name: &'static str,
    of: &'static str,
    at_least: bool,
    limit: f64,
}

const OPS: fn(&Cell) -> f64 = |cell| cell.ops_per_s;
const P50: fn(&Cell) -> f64 = |cell| cell.p50_us;
const CPU: fn(&Cell) -> f64 = |cell| cell.server_cpu_us;

/// For hits on 1,000 keys.
const RULES: [Rule; 6] = [
    rule(256, OPS, "hits/s", "get", true, 2.0),
    rule(256, OPS, "hits/s", "cached", true, 2.5),
    rule(64, OPS, "hits/s", "get", true, 1.2),
    rule(16, OPS, "hits/s", "get", true, 1.0),
    rule(1, P50, "median latency", "get", false, 1.05),
    rule(256, CPU, "server CPU", "hget", false, 0.7),
];

const fn rule(
    callers: usize,
    figure: fn(&Cell) -> f64,
    name: &'static str,
    of: &'static str,
    at_least: bool,
    limit: f64,
) -> Rule {
    Rule {
        callers,
        figure,
        name,
        of,
        at_least,
        limit,
    }
}

/// A miss is to wait for the server three times at the most.
pub fn miss(round_trips: f64) -> Goal {
    Goal {
        what: "1 caller: round trips of a miss".into(),
        contender: "lru_t".into(),
        at_least: false,
        limit: 3.0,
        ratio: round_trips,
        met: round_trips <= 3.0,
    }
}

/// The goals of which this run measured both sides.
pub fn check(cells: &[Cell]) -> Vec<Goal> {
    let find = |name: &str, callers| {
        cells.iter().find(|cell| {
            cell.scenario == Scenario::Hits && cell.contender == name && cell.callers == callers
        })
    };
    let mut goals = Vec::new();
    for rule in RULES {
        for ours in ["lru_t", "fifo", "lfu"] {
            let Some((ours, of)) = find(ours, rule.callers).zip(find(rule.of, rule.callers)) else {
                continue;
            };
            let ratio = (rule.figure)(ours) / (rule.figure)(of);
            let callers = match rule.callers {
                1 => "1 caller".to_owned(),
                more => format!("{more} callers"),
            };
            goals.push(Goal {
                what: format!("{callers}: {} / {}", rule.name, title(rule.of)),
                contender: ours.contender.clone(),
                at_least: rule.at_least,
                limit: rule.limit,
                ratio,
                met: if rule.at_least {
                    ratio >= rule.limit
                } else {
                    ratio <= rule.limit
                },
            });
        }
    }
    goals
}
