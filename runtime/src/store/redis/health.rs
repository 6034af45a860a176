//! Whether an endpoint is worth asking: circuit breakers, and the probes that close them.
//!
//! [`breaker`] and [`endpoint`] are state that the client holds, and import `connection` only. [`admission`],
//! [`probe`] and [`ping`] import `client`. Start with [`breaker`], then [`admission`]: what every call asks.

mod admission;
pub(crate) mod breaker;
pub(crate) mod endpoint;
mod ping;
mod probe;
