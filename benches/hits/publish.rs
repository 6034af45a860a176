//! What the repository shows of a run: charts, and the tables in the guide.

use std::fs;

use crate::{Results, plot, support, tables};

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

/// Brings the charts and the guide's tables up to date.
pub fn publish(results: &Results) {
    let root = support::root();
    for (file, svg) in plots(results) {
        fs::write(root.join("docs").join(file), svg).unwrap();
    }
    let chapter = root.join("docs/guide/performance.md");
    let text = fs::read_to_string(&chapter).unwrap();
    let (before, rest) = text
        .split_once(BEGIN)
        .expect("the chapter marks the tables");
    let (_, after) = rest.split_once(END).expect("the chapter marks their end");
    let tables = tables::all(results).expect("a run of everything");
    fs::write(&chapter, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
    println!("published: docs/*.svg, docs/guide/performance.md");
}

/// Those for which there are figures.
fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let lines = [
        ("throughput.svg", plot::throughput(results)),
        ("latency.svg", plot::latency(results)),
        ("mixed.svg", plot::mixed(results)),
    ];
    let lines = lines.into_iter().filter(|(_, chart)| !chart.is_empty());
    let bars = plot::comparison(results).map(|chart| ("hits.svg", chart.draw()));
    bars.into_iter()
        .chain(lines.map(|(file, chart)| (file, chart.draw())))
        .collect()
}
