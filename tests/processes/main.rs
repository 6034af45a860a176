//! Several processes on one server, and the examples as processes.

mod environment;
mod examples;
mod hit_ratio;
#[path = "../../benches/support/random.rs"]
mod random;
mod stampede;
#[path = "../support/mod.rs"]
mod support;
