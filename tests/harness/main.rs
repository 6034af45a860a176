//! The repository itself: its layers, what its documents say; and the tools of the other tests.

mod documents;
mod graph;
mod layers;
mod proxy;
mod readme;
mod servers;
mod tokens;
