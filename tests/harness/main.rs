//! The repository itself: its layers, what its documents say; and the tools of the other tests.

mod documents;
mod graph;
mod layers;
mod promises;
mod proxy;
mod readme;
mod servers;
mod tokens;
mod words;
