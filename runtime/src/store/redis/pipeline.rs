//! Pipelines: connections of our own to one server, over which the requests of many callers go together.
//!
//! Callers add to a queue, and one task, the [`io_task`], sends request after request and distributes the
//! replies. What comes while enough requests are under way is sent with the next one: there is no timer, so
//! a lone caller waits for no other. A caller that is dropped leaves something unused and nothing else,
//! since only the I/O task touches the socket.
//!
//! What goes over one is its [`Traffic`](traffic::Traffic): reads, or claims and puts. Imports `connection`.
//! Start with [`handle`], then [`traffic`] and [`io_task`].

pub(crate) mod handle;
mod io_task;
pub(crate) mod large_fields;
pub(crate) mod resp;
mod state;
pub(crate) mod traffic;
