//! The type beside a function: under its name, and with nothing in it, so that both names are one.

use proc_macro2::TokenStream;
use quote::quote;

use super::context::Context;
use super::{attributes, in_place, wrapper};

// Input
//     #[cache_fn(cache = CACHE)]
//     pub async fn rate(code: &str) -> f64 { … }
// Output
//     pub enum rate {}
//     impl rate { pub async fn uncached(code: &str) -> f64 { … } }
pub(super) fn definition(context: &Context<'_>) -> TokenStream {
    let (vis, ty) = (&context.vis, &context.wrapper);
    let docs = format!(
        "What belongs to the cached function `{}`: handles on its entries, and itself without the cache.",
        context.plan.methods[0].name()
    );
    let lints = context.lints();
    let cfgs = attributes::cfgs(&context.plan.methods[0].item.attrs);
    let in_module = wrapper::in_module(context, ty);
    let original = in_place::function(context);
    quote! {
        #(#cfgs)*
        #[doc = #docs]
        #lints
        #vis enum #ty {}

        #original

        #(#cfgs)*
        #lints
        impl #ty { #in_module }
    }
}
