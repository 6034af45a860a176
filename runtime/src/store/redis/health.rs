//! Whether an endpoint is worth asking: circuit breakers, and the probes that close them.
//!
//! Imports `connection` and `script`. Start with [`breaker`].

pub(crate) mod breaker;
pub(crate) mod endpoint;
pub(crate) mod ping;
pub(crate) mod probe;
