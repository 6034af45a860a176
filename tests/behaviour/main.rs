//! What every store and every kind of method does.

mod arguments;
mod bounds;
mod cancellation;
mod clock_steps;
mod codecs;
mod debug;
mod expiry;
mod fencing;
mod function_options;
mod functions;
mod guide;
mod identity;
mod keys;
mod method_invalidation;
mod public_api;
mod runtimes;
mod scopes;
mod sealed;
mod secrets;
mod settings;
mod single_flight;
mod staleness;
mod storing;
mod unstorable;
