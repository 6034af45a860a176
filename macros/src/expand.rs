//! **Expand**: from a plan to what is cached, and the handles on entries.
//!
//! Imports every stage before it. What all pieces need to know is in `context`, what they work with in `access` and
//! `original`, and what several of them share in `fragment`; each generator shows its output as source above it. Start at
//! [`whole`].

mod access;
mod argument;
mod attributes;
mod batch;
mod body;
mod by_path;
mod cacheability;
mod context;
mod declaration;
mod entries;
mod fallback;
mod fragment;
mod function;
mod handle;
mod in_place;
mod invalidation;
mod label;
mod original;
mod owned;
mod reads;
mod returned;
mod tags;
mod warning;
mod wrapper;
mod wrapper_method;
mod write;

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::{self, EntryPoint};
use crate::plan::Plan;
use context::Context;
pub(crate) use fallback::{function as function_alone, item as item_alone, outside};

/// The user's block or function, and everything that stands behind it.
pub(crate) fn whole(plan: &Plan<'_>) -> TokenStream {
    let context = Context::new(plan);
    let declarations = declaration::declarations(&context);
    let returned = returned::assertions(&context);
    let handles = handle::handles(&context);
    let all = entries::all_functions(&context);
    let by_path = by_path::functions(&context);
    let shared = quote!(#declarations #returned #handles #all #by_path);
    match plan.block.entry_point {
        EntryPoint::Wrapper => {
            let mut block = plan.block.item.clone();
            ast::strip(&mut block);
            let definition = (!plan.block.extends()).then(|| wrapper::definition(&context));
            let methods = wrapper_method::implementation(&context);
            quote!(#block #definition #methods #shared)
        }
        EntryPoint::InPlace => {
            let block = in_place::block(&context);
            // A trait's methods are in its block.
            let methods = plan.block.trait_.is_none();
            let methods = methods.then(|| wrapper_method::implementation(&context));
            let entries = entries::in_place(&context);
            let (all, declared) = (entries::all(&context), wrapper::methods(&context));
            let by_path = by_path::definition(&context);
            quote!(#block #methods #entries #all #declared #by_path #shared)
        }
        EntryPoint::Function => {
            let function = wrapper_method::function(&context);
            let definition = function::definition(&context);
            quote!(#function #definition #shared)
        }
    }
}

/// What the compiler warns of, in a block without mistakes.
pub(crate) fn warnings(plan: &Plan<'_>) -> TokenStream {
    warning::warnings(&Context::new(plan))
}
