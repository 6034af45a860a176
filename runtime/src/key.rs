//! The keys of calls and pairs: what identifies a call, and how Redis keys are named.
//!
//! Imports `policy`, `rt` and `error`.
//! Start with [`digest`]: from arguments to a [`digest::CallKey`].

pub(crate) mod canonical;
pub(crate) mod digest;
pub(crate) mod names;
pub(crate) mod tags;
