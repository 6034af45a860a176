//! What goes over read pipelines, a lane's own connections that read entries and do nothing else.
//!
//! It imports `pipeline` and `connection`, and reports to the store through [`ReplySink`](context::ReplySink).
//! Start with [`by_size`], then [`traffic`], [`queue_shards`] and [`batch`].

pub(crate) mod batch;
pub(crate) mod by_size;
pub(crate) mod context;
mod parser;
pub(crate) mod query;
mod queue_shards;
pub(crate) mod request;
mod traffic;
