//! Several processes on one server, and the examples as processes.

mod builds;
mod environment;
mod examples;
mod fork;
mod hit_ratio;
mod stampede;
