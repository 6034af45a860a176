#![doc = include_str!("../README.md")]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod args;
mod ast;
mod expand;
mod fingerprint;
mod generics;
mod names;
mod pipeline;
mod plan;
mod types;
mod valid;

use proc_macro::TokenStream;

/// Makes a cached wrapper for the type of this `impl` block, with the options of the table in the crate's
/// documentation.
///
/// `self` is not in the key of a call, unless `self_key` says what of it matters. With `maxsize` each
/// method of the block has a pair of keys of its own, unless `single` is said.
#[proc_macro_attribute]
pub fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::cache_impl(options.into(), item.into()).into()
}

macro_rules! inside_only {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// Only has a meaning inside an `impl` block marked `#[cache_impl]`, which reads it.
        #[proc_macro_attribute]
        pub fn $name(_options: TokenStream, item: TokenStream) -> TokenStream {
            expand::outside(stringify!($name), &item.into()).into()
        }
    )*};
}
inside_only! {
    /// On a method: caches it, with options that go before those of its block:
    /// `#[cache(ttl = "30s", maxsize = 100)]`.
    ///
    /// A method that says `maxsize` has a pair of keys of its own, unless `single` is said. With `stale`
    /// a value is served past its `ttl` while a new one is computed *and* where that fails: it is
    /// stale-if-error as well, so callers do not see the error. `policy = "lfu"` ages badly and is not
    /// recommended. A type that gets a field with `#[serde(default)]` needs another `version`, or older
    /// entries are hits without it.
    cache
    /// On a method: hands it through to the wrapped value.
    nocache
    /// On an argument: keeps it out of the key, and hands it to the method if that runs.
    ///
    /// The answer must not depend on it. **On a hit the method does not run, and neither does a check of
    /// permissions in it**: what was computed for somebody who may is given to the next who may not.
    /// Check before the call, or leave what decides in the key.
    cache_skip
    /// On a `#[nocache]` method: drops these entries after it has returned `Ok`, or any value that is not
    /// a `Result`: `#[invalidates(find(id), search(..))]`.
    ///
    /// It acts when the method returns. If the caller commits a transaction after that, a reader between
    /// the two stores the old value again: commit inside the method, or invalidate by handles after the
    /// commit.
    invalidates
}
