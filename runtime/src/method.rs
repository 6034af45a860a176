//! A cached method: as generated code declares it, and as one cache sees it.
//!
//! Imports `store` (for the pair of keys), `entry`, `key`, `policy`, `settings`, `stats`, `rt` and
//! `error`. Start with [`bound`]: a method with every option decided.

pub(crate) mod bound;
pub(crate) mod bulkhead;
pub(crate) mod cacheability;
mod descriptor;
mod enclosing;
pub(crate) mod freshness;
pub(crate) mod options;
pub(crate) mod owned_args;
pub(crate) mod return_type;

pub use self::descriptor::Method;
