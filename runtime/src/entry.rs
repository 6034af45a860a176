//! What is stored for one call: a header that is verified first, then the payload a codec wrote.
//!
//! Imports `key`, `settings`, `rt` and `error`.
//! Start with [`header`]: the bytes, and how they are checked.

pub(crate) mod codec;
pub(crate) mod header;
pub(crate) mod label;
pub(crate) mod seal;
