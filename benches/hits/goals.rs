//! What this library wants to reach, and whether it did.

use serde::{Deserialize, Serialize};

use crate::contender::title;
use crate::load::Scenario;
use crate::measure::Cell;
use crate::worlds::WorldResult;

/// A ratio of medians of one run, or a figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Goal {
    pub what: String,
    pub contender: String,
    pub at_least: bool,
    pub limit: f64,
    pub figure: f64,
    pub met: bool,
}

impl Goal {
    fn new(what: String, contender: &str, figure: f64, limit: Limit) -> Self {
        let (at_least, limit, met) = match limit {
            Limit::AtLeast(limit) => (true, limit, figure >= limit),
            Limit::AtMost(limit) => (false, limit, figure <= limit),
        };
        Self {
            what,
            contender: contender.to_owned(),
            at_least,
            limit,
            figure,
            met,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

struct Rule {
    scenario: Scenario,
    callers: usize,
    figure: fn(&Cell) -> f64,
    name: &'static str,
    /// Whose figure it is divided by, if by one.
    of: Option<&'static str>,
    limit: Limit,
}

const OPS: fn(&Cell) -> f64 = |cell| cell.ops_per_s;
const P50: fn(&Cell) -> f64 = |cell| cell.p50_us;
const CPU: fn(&Cell) -> f64 = |cell| cell.server_cpu_us;

#[rustfmt::skip]
const RULES: [Rule; 14] = {
    use Limit::{AtLeast, AtMost};
    use Scenario::{Hits, Misses, MissesTtl, Mixed};
    [
        rule(Hits, 256, "hits/s", OPS, Some("get"), AtLeast(2.0)),
        rule(Hits, 256, "hits/s", OPS, Some("cached"), AtLeast(2.5)),
        rule(Hits, 64, "hits/s", OPS, Some("get"), AtLeast(1.4)),
        rule(Hits, 16, "hits/s", OPS, Some("get"), AtLeast(1.1)),
        rule(Hits, 1, "median latency", P50, Some("get"), AtMost(1.05)),
        rule(Hits, 256, "server CPU", CPU, Some("hget"), AtMost(0.5)),
        rule(Mixed, 64, "mixed/s", OPS, Some("get"), AtLeast(0.9)),
        rule(Mixed, 64, "mixed/s", OPS, Some("cached"), AtLeast(1.0)),
        rule(Mixed, 256, "mixed/s", OPS, Some("get"), AtLeast(1.1)),
        rule(Mixed, 256, "mixed/s", OPS, Some("cached"), AtLeast(1.0)),
        rule(Misses, 64, "misses/s", OPS, Some("get"), AtLeast(0.45)),
        rule(Misses, 256, "misses/s", OPS, Some("get"), AtLeast(0.45)),
        rule(MissesTtl, 64, "server CPU of a miss, us", CPU, None, AtMost(10.0)),
        rule(MissesTtl, 1, "server CPU of a miss, us", CPU, None, AtMost(20.0)),
    ]
};

const fn rule(
    scenario: Scenario,
    callers: usize,
    name: &'static str,
    figure: fn(&Cell) -> f64,
    of: Option<&'static str>,
    limit: Limit,
) -> Rule {
    Rule {
        scenario,
        callers,
        figure,
        name,
        of,
        limit,
    }
}

impl Rule {
    /// Which of our caches it is for: hits are as fast with any policy.
    fn of_ours(&self) -> &'static [&'static str] {
        match self.scenario {
            Scenario::Hits => &["lru_t", "fifo", "lfu"],
            _ => &["lru_t"],
        }
    }

    /// `None` where a side was not measured.
    fn check(&self, ours: &str, cells: &[Cell]) -> Option<Goal> {
        let find = |name: &str| {
            cells.iter().find(|cell| {
                cell.scenario == self.scenario
                    && cell.contender == name
                    && cell.callers == self.callers
            })
        };
        let figure = |name| Some((self.figure)(find(name)?));
        let callers = match self.callers {
            1 => "1 caller".to_owned(),
            more => format!("{more} callers"),
        };
        let what = format!("{callers}: {}", self.name);
        Some(match self.of {
            Some(of) => {
                let ratio = figure(ours)? / figure(of)?;
                Goal::new(format!("{what} / {}", title(of)), ours, ratio, self.limit)
            }
            None => Goal::new(what, ours, figure(ours)?, self.limit),
        })
    }
}

/// A miss is to wait for the server three times at the most.
pub fn miss(round_trips: f64) -> Goal {
    let what = "1 caller: round trips of a miss".into();
    Goal::new(what, "lru_t", round_trips, Limit::AtMost(3.0))
}

/// A batch, against the same calls one after the other and all at once.
pub fn batch((sequence, joined): (f64, f64)) -> [Goal; 2] {
    let goal = |than: &str, ratio, limit| {
        let what = format!("batch of 100 with 10 misses: times faster than {than}");
        Goal::new(what, "lru_t", ratio, Limit::AtLeast(limit))
    };
    [
        goal("single calls", sequence, 10.0),
        goal("joined single calls", joined, 1.5),
    ]
}

/// Hits in another world, against `GET` there.
pub fn world(result: &WorldResult) -> Goal {
    let what = format!("{}: hits/s / raw GET", result.world.title());
    let ratio = result.ours.ops_per_s / result.raw.ops_per_s;
    Goal::new(what, "lru_t", ratio, Limit::AtLeast(0.8))
}

/// The goals of which this run measured both sides.
pub fn check(cells: &[Cell]) -> Vec<Goal> {
    let each = |rule: &'static Rule| {
        let ours = rule.of_ours().iter();
        ours.filter_map(|ours| rule.check(ours, cells))
    };
    RULES.iter().flat_map(each).collect()
}
