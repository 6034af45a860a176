//! Faults of servers, networks and nodes, injected for real.

mod bulkhead;
mod cluster;
mod data;
mod fail_open;
mod network;
mod outage;
mod ping;
mod server;
#[path = "../support/mod.rs"]
mod support;
