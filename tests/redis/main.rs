//! What is done on real servers: scripts, connections, deployments, policies.

mod acl;
mod client_names;
mod coalescing;
mod deployments;
mod eviction;
mod hostile_bytes;
mod misses;
mod pair_index;
mod pipeline;
mod puts;
mod read_connections;
mod round_trips;
mod scripts;
mod tls;
mod worlds;
