//! The dashboard and the guide name the metrics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use support::root;

use crate::{every_metric, scrape::scrape};

const PREFIX: &str = "redis_func_cache_";

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices(PREFIX).map(|(at, _)| &text[at..]);
    let names = starts.map(|rest| {
        let end = rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    names.collect()
}

/// What stands in brackets after `by`, and before a comparison in braces.
fn labels(query: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for part in query.split("by (").skip(1) {
        let inside = part.split(')').next().unwrap();
        labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
    }
    for part in query.split('{').skip(1) {
        let inside = part.split('}').next().unwrap();
        let each = inside.split(',');
        labels.extend(each.map(|one| one.split(['=', '!']).next().unwrap().trim().to_owned()));
    }
    labels
}

fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(query) if name == "expr" || query.contains(PREFIX) => {
                        found.push(query.clone());
                    }
                    value => queries(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// The metrics of a scrape with their labels.
fn scraped() -> BTreeMap<String, BTreeSet<String>> {
    every_metric();
    let mut metrics = BTreeMap::<_, BTreeSet<_>>::new();
    for sample in scrape().0 {
        let labels = sample.labels.into_keys();
        metrics.entry(sample.name).or_default().extend(labels);
    }
    metrics
}

/// Without what an exporter adds to the name of a histogram.
fn base(name: &str) -> String {
    let histogram = ["_sum", "_count", "_bucket"];
    let base = histogram.iter().find_map(|end| name.strip_suffix(end));
    base.filter(|base| base.ends_with("_seconds"))
        .unwrap_or(name)
        .to_owned()
}

#[test]
fn each_query_of_the_dashboard_names_metrics_and_labels_that_exist() {
    let scraped = scraped();
    let text = fs::read_to_string(root().join("docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    assert!(found.len() >= 8, "{found:?}");
    for query in &found {
        let names = names(query);
        assert!(!names.is_empty(), "{query}");
        for name in &names {
            let known = scraped.get(name);
            let known = known.unwrap_or_else(|| panic!("no metric `{name}`: {query}"));
            for label in labels(query) {
                assert!(
                    known.contains(&label),
                    "`{name}` has no label `{label}`: {query}"
                );
            }
        }
    }
    let used: BTreeSet<_> = found.iter().flat_map(|query| names(query)).collect();
    let used: BTreeSet<_> = used.iter().map(|name| base(name)).collect();
    let all: BTreeSet<_> = scraped.keys().map(|name| base(name)).collect();
    assert_eq!(used, all, "each metric is on the dashboard");
}

#[test]
fn the_guide_has_each_metric() {
    let scraped: BTreeSet<_> = scraped().keys().map(|name| base(name)).collect();
    let guide = fs::read_to_string(root().join("docs/guide/metrics.md")).unwrap();
    let table = guide
        .lines()
        .filter(|line| line.starts_with("| `redis_func_cache_"));
    let documented: BTreeSet<_> = table.flat_map(names).collect();
    assert_eq!(documented, scraped);
}
