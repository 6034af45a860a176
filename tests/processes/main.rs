//! Several processes on one server, and the examples as processes.

mod environment;
mod examples;
mod fork;
mod hit_ratio;
#[path = "../../benches/support/random.rs"]
#[allow(clippy::cast_precision_loss)]
mod random;
mod stampede;
#[path = "../support/mod.rs"]
mod support;
