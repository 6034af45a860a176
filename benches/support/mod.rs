//! What the benches share: private servers, the value that is cached, CPU times, places for results.

// Every bench compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports)]
// Figures are for people: what a float cannot hold exactly does not matter here.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod cpu;
mod metrics;
mod output;
mod product;
pub mod svg;

pub use cpu::{client_cpu, server_cpu, thread_cpu};
pub use metrics::install_recorder;
pub use output::{load, save, target};
pub use product::Product;
pub use servers::random::{Random, zipf};
pub use servers::{RoundTrips, Server, eventually, root, skipped, unique};

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}
