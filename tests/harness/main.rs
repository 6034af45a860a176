//! The repository itself: its layers, what its documents say of tests; and the tools of the other tests.

mod documents;
mod graph;
mod layers;
mod promises;
mod proxy;
mod servers;
mod tokens;
mod words;
