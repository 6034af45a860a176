//! A cached method or function: as generated code or a builder declares it, and as one cache sees it.
//!
//! Imports `store` (for the pair of keys), `entry`, `key`, `policy`, `settings`, `stats`, `rt` and
//! `error`. Start with [`bound`]: a method with every option decided.

pub(crate) mod batch_return;
pub(crate) mod bound;
pub(crate) mod bulkhead;
pub(crate) mod cacheability;
pub(crate) mod cached_error;
pub(crate) mod descriptor;
mod enclosing;
mod entry_ttl;
pub(crate) mod freshness;
pub(crate) mod function;
pub(crate) mod options;
pub(crate) mod owned_args;
pub(crate) mod return_type;

pub use self::descriptor::Method;
