//! The repository itself: its layers, what its documents say of tests; and the tools of the other tests.

mod documents;
mod graph;
mod layers;
mod proxy;
mod servers;
mod tokens;
