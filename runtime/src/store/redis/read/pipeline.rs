//! Read pipelines: a lane's own connection to one server, which reads entries and does nothing else.
//!
//! Callers add their reads to a pending batch, and one task, the [`io_task`], sends batch after batch and
//! distributes the replies. Calls that come while enough requests are under way are sent with the next
//! one: there is no timer, so a lone caller waits for no other. A caller that is dropped leaves an unused
//! ticket and nothing else, since only the I/O task touches the socket.
//!
//! It imports `connection`, and reports to the store through [`ReplySink`](context::ReplySink). Start with
//! [`handle`], then [`queue_shards`] and [`io_task`].

pub(crate) mod batch;
pub(crate) mod by_size;
pub(crate) mod context;
mod handle;
mod handshake;
mod io_task;
mod large_fields;
mod parser;
pub(crate) mod query;
mod queue_shards;
pub(crate) mod request;
mod state;
