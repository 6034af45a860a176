//! Faults of servers, networks and nodes, injected for real.

mod bulkhead;
mod cluster;
mod connecting;
mod data;
mod fail_open;
mod health;
mod invalidation_queue;
mod joined_writes;
mod network;
mod ping;
mod resharding;
mod server;
