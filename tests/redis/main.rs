//! What is done on real servers: scripts, connections, deployments, and the model they are held against.

mod acl;
mod coalescing;
mod deployments;
mod eviction;
mod hostile_bytes;
mod model;
mod pipeline;
mod read_connections;
mod scripts;
mod tls;
