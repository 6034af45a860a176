//! **Expand**: from a plan to the wrapper, its methods, and the handles on entries.
//!
//! Imports every stage before it. What all pieces need to know is in `context`, and what several of them share in
//! `fragment`; each generator shows its output as source above it. Start at [`generated`].

mod argument;
mod attributes;
mod body;
mod cacheability;
mod context;
mod declaration;
mod fallback;
mod fragment;
mod handle;
mod owned;
mod reads;
mod returned;
mod warning;
mod wrapper;
mod wrapper_method;

use proc_macro2::TokenStream;
use quote::quote;

use crate::plan::Plan;
use context::Context;
pub(crate) use fallback::{item as item_alone, outside};

/// Everything that stands behind the user's block.
pub(crate) fn generated(plan: &Plan<'_>) -> TokenStream {
    let context = Context::new(plan);
    let definition = (!plan.block.extends()).then(|| wrapper::definition(&context));
    let declarations = declaration::declarations(&context);
    let returned = returned::assertions(&context);
    let methods = wrapper_method::implementation(&context);
    let handles = handle::handles(&context);
    quote!(#definition #declarations #returned #methods #handles)
}

/// What the compiler warns of, in a block without mistakes.
pub(crate) fn warnings(plan: &Plan<'_>) -> TokenStream {
    warning::warnings(&Context::new(plan))
}
