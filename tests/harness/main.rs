//! The servers and the proxy that the other tests use, and what the documents say of tests.

mod documents;
mod proxy;
mod servers;
