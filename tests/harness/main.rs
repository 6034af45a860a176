//! The servers and the proxy that the other tests use, and what the documents say.

mod documents;
mod proxy;
mod readme;
mod servers;
#[path = "../support/mod.rs"]
mod support;
