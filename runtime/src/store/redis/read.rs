//! Lookups: reads that come together are sent together, as one request.
//!
//! There is no timer, so a lone caller waits for no other. [`lookup`], [`many`] and [`fallback`] import `client`; all
//! else here is what the client holds, and imports `script` and `connection`. Start with [`lookup`]: the
//! fast way is a [`pipeline`] on a [`lane`], the other one a [`queue`] on the background thread.

mod batch_reader;
mod by_node;
mod fallback;
mod hmget;
pub(crate) mod lane;
pub(crate) mod lanes;
pub(crate) mod lookup;
mod many;
pub(crate) mod pipeline;
pub(crate) mod queue;
pub(crate) mod server_pipelines;
mod transport;
