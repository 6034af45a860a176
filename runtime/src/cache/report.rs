//! [`Report`]: how well each method does, and what to do about it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Cache;
use crate::stats::{DurationSum, Stats};

/// Fewer look-ups, values or executions say nothing.
const ENOUGH: u64 = 50;
/// The first hits of a thread take longer, and one in 64 is measured.
const ENOUGH_HITS: u64 = 640;

/// How well the methods of a cache do in this process, since it was built: [`Cache::report`].
///
/// Its `Display` is a table, and it can be serialized. The fields of times are numbers of seconds then.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the cache.
    pub cache: String,
    /// The methods that were called and the functions that were built, by their paths and names.
    pub methods: Vec<MethodReport>,
}

/// How well one method does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MethodReport {
    /// Its path, or the name of a function.
    pub method: String,
    /// Calls of it.
    pub calls: u64,
    /// Of its look-ups, the share that were hits; `None` before the first.
    pub hit_ratio: Option<f64>,
    /// How often it ran.
    pub executions: u64,
    /// What an execution takes.
    #[serde(rename = "mean_execution_seconds", serialize_with = "seconds")]
    pub mean_execution: Option<Duration>,
    /// What a hit takes: the mean of a sample.
    #[serde(rename = "mean_hit_seconds", serialize_with = "seconds")]
    pub mean_hit: Option<Duration>,
    /// What the hits have saved: the time that the executions had taken which computed their values.
    #[serde(rename = "saved_seconds", serialize_with = "seconds_of")]
    pub saved: Duration,
    /// Values stored.
    pub stored: u64,
    /// Entries evicted to make room for them.
    pub evicted: u64,
    /// What to do about it, in one sentence, where the figures say so.
    pub advice: Option<String>,
}

impl Cache {
    /// How well each method does in this process, and what to do about it: a table to read, or to be serialized.
    ///
    /// ```
    /// # use redis_func_cache::{Cache, CacheExt as _, cache_impl};
    /// # struct Repo;
    /// # #[cache_impl]
    /// # impl Repo { fn find(&self, id: u64) -> u64 { id } }
    /// let cache = Cache::builder("shop").build()?;
    /// let repo = Repo.cached(&cache);
    /// repo.find(1);
    /// repo.find(1);
    /// let report = cache.report();
    /// assert_eq!(report.methods[0].hit_ratio, Some(0.5));
    /// println!("{report}");
    /// # Ok::<(), redis_func_cache::Error>(())
    /// ```
    pub fn report(&self) -> Report {
        let mut methods = BTreeMap::<String, Figures>::new();
        for bound in self.engine().methods() {
            let figures = methods.entry(bound.site.to_string()).or_default();
            figures.stats += bound.counters.snapshot();
            figures.executions += bound.execution_times.sum();
            figures.hits += bound.hit_times.sum();
        }
        Report {
            cache: self.name().to_owned(),
            methods: methods.into_iter().map(MethodReport::new).collect(),
        }
    }
}

/// What was counted and measured of one method.
#[derive(Default)]
struct Figures {
    stats: Stats,
    executions: DurationSum,
    hits: DurationSum,
}

impl MethodReport {
    fn new((method, figures): (String, Figures)) -> Self {
        let stats = figures.stats;
        Self {
            method,
            calls: stats.count,
            hit_ratio: share(stats.hit, stats.hit.saturating_add(stats.miss)),
            executions: stats.exec,
            mean_execution: figures.executions.mean(),
            mean_hit: figures.hits.mean(),
            saved: Duration::from_micros(stats.saved_us),
            stored: stats.write,
            evicted: stats.evicted,
            advice: advice(&figures),
        }
    }
}

fn advice(figures: &Figures) -> Option<String> {
    let stats = &figures.stats;
    if let (Some(hit), Some(execution)) = (figures.hits.mean(), figures.executions.mean())
        && hit > execution
        && stats.hit >= ENOUGH_HITS
    {
        let (hit, execution) = (Brief(hit), Brief(execution));
        return Some(format!(
            "a hit costs {hit}, an execution {execution}: do not cache this"
        ));
    }
    let percent = |of, all| {
        share(of, all)
            .filter(|_| all >= ENOUGH)
            .map(|share| share * 100.0)
    };
    if let Some(unstorable) = percent(
        stats.too_large.saturating_add(stats.unencodable),
        stats.exec,
    ) && unstorable >= 10.0
    {
        return Some(format!(
            "{unstorable:.0} % of its values cannot be stored, as the log says: change the codec or `max_entry_bytes`, or do not cache this"
        ));
    }
    if let Some(evicted) = percent(stats.evicted, stats.write)
        && evicted >= 20.0
    {
        return Some(format!(
            "evicts {evicted:.0} % of what it stores: raise `maxsize`"
        ));
    }
    let look_ups = stats.hit.saturating_add(stats.miss);
    let hit_ratio = percent(stats.hit, look_ups)?;
    if let Some(expired) = percent(stats.expired, stats.miss)
        && expired >= 50.0
        && hit_ratio < 80.0
    {
        return Some(format!(
            "{expired:.0} % of its misses find an entry that has expired: raise `ttl`, or give it `stale`"
        ));
    }
    (hit_ratio < 10.0).then(|| format!("hit ratio {hit_ratio:.0} %: arguments hardly repeat"))
}

#[allow(clippy::cast_precision_loss)] // a share of billions
fn share(of: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| of as f64 / all as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cache {}", OneLine(&self.cache))?;
        let names: Vec<_> = self
            .methods
            .iter()
            .map(|method| OneLine(&method.method).to_string())
            .collect();
        let widths = names.iter().map(|name| name.chars().count());
        let width = widths.max().unwrap_or_default().max("method".len());
        writeln!(
            f,
            "{:width$}  {:>9}  {:>6}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
            "method", "calls", "hits", "runs", "per run", "per hit", "saved", "stored", "evicted"
        )?;
        for (method, name) in self.methods.iter().zip(names) {
            method.row(f, &name, width)?;
        }
        Ok(())
    }
}

impl MethodReport {
    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str, width: usize) -> fmt::Result {
        let brief = |duration: Option<Duration>| {
            duration.map_or("-".to_owned(), |duration| Brief(duration).to_string())
        };
        let hit_ratio = self
            .hit_ratio
            .map_or("-".to_owned(), |ratio| format!("{:.0} %", ratio * 100.0));
        writeln!(
            f,
            "{name:width$}  {:>9}  {:>6}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
            self.calls,
            hit_ratio,
            self.executions,
            brief(self.mean_execution),
            brief(self.mean_hit),
            Brief(self.saved).to_string(),
            self.stored,
            self.evicted,
        )?;
        match &self.advice {
            Some(advice) => writeln!(f, "    {advice}"),
            None => Ok(()),
        }
    }
}

/// A name that may hold anything, on one line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_debug())?;
            } else {
                write!(f, "{char}")?;
            }
        }
        Ok(())
    }
}

/// A duration to three digits.
struct Brief(Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let units = [
            (86_400.0, "d"),
            (3600.0, "h"),
            (60.0, "min"),
            (1.0, "s"),
            (1e-3, "ms"),
            (1e-6, "us"),
        ];
        let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
        let (unit, name) = unit.unwrap_or((1e-9, "ns"));
        let number = seconds / unit;
        let digits = if number >= 100.0 || number == 0.0 {
            0
        } else if number >= 10.0 {
            1
        } else {
            2
        };
        write!(f, "{number:.digits$} {name}")
    }
}

#[allow(clippy::ref_option)] // serde calls it
fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}

fn seconds_of<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
