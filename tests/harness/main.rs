//! The servers and the proxy that the other tests use.

mod proxy;
mod servers;
#[path = "../support/mod.rs"]
mod support;
