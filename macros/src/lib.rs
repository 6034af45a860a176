#![doc = include_str!("../README.md")]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod args;
mod ast;
mod expand;
mod fallback;
mod fingerprint;
mod generics;
mod names;
mod reads;
mod types;
mod valid;

use proc_macro::TokenStream;

/// Makes a cached wrapper for the type of this `impl` block. See the crate's documentation.
#[proc_macro_attribute]
pub fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::cache_impl(options.into(), item.into()).into()
}

macro_rules! inside_only {
    ($($name:ident)*) => {$(
        /// Only has a meaning inside an `impl` block marked `#[cache_impl]`, which reads it.
        #[proc_macro_attribute]
        pub fn $name(_options: TokenStream, item: TokenStream) -> TokenStream {
            fallback::outside(stringify!($name), &item.into()).into()
        }
    )*};
}
inside_only!(cache nocache cache_skip invalidates);
