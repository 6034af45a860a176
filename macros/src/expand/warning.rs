//! Warnings of the compiler at what a cached method reads of `self`.
//!
//! A procedural macro on stable Rust can warn only by a use of something deprecated. It stands outside
//! of all generated items, since those allow that.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::quote;

use super::attributes::{self, cfgs};
use super::context::Context;
use super::reads::{SelfRead, reads};
use crate::ast::{EntryPoint, Method};
use crate::names;

// Output
//     const _: () = {
//         #[deprecated(note = "`find` reads `self.owner`, …")]
//         const self_is_not_in_the_key: () = ();
//         self_is_not_in_the_key
//     };
pub(super) fn warnings(context: &Context<'_>) -> TokenStream {
    if context.block.args.self_key.is_some() || context.entry_point() != EntryPoint::Wrapper {
        return TokenStream::new();
    }
    let methods = context.plan.methods.iter();
    let cached = methods.filter(|method| method.is_cached());
    let found: Vec<_> = cached.map(|method| (method, reads(method.item))).collect();
    let all: BTreeSet<_> = found
        .iter()
        .flat_map(|(_, reads)| reads.iter().map(|read| read.text.as_str()))
        .collect();
    let remedy = remedy(&all);
    found
        .iter()
        .flat_map(|(method, reads)| {
            reads
                .iter()
                .map(|read| warning(context, method, read, &remedy))
        })
        .collect()
}

fn warning(
    context: &Context<'_>,
    method: &Method<'_>,
    read: &SelfRead,
    remedy: &str,
) -> TokenStream {
    let cfgs = cfgs(&context.block.item.attrs);
    let cfgs = cfgs.into_iter().chain(attributes::cfgs(&method.item.attrs));
    // At the field that the user wrote.
    let used = names::warning(read.span);
    if context.block.extends() {
        // Only the block that makes the wrapper knows whether it says `self_key`.
        let methods = context.methods_type();
        return quote!(#(#cfgs)* const _: () = <#methods>::#used;);
    }
    let note = format!(
        "`{}` reads `{}`, but `self` is not in the key: instances share their entries; {remedy}",
        method.name(),
        read.text
    );
    let name = names::warning(Span::call_site());
    quote! {
        #(#cfgs)*
        const _: () = {
            #[deprecated(note = #note)]
            #[allow(non_upper_case_globals)]
            const #name: () = ();
            #used
        };
    }
}

fn remedy(texts: &BTreeSet<&str>) -> String {
    let texts: Vec<_> = texts.iter().copied().collect();
    let key = match &texts[..] {
        [one] => (*one).to_owned(),
        many => format!("(&{})", many.join(", &")),
    };
    format!(
        "write `self_key = {key}` on the block, or `self_key = ()` if the answers do not depend on it"
    )
}

/// For the blocks that join this one's wrapper.
pub(super) fn of_joining(context: &Context<'_>) -> TokenStream {
    let (name, vis) = (names::warning(Span::call_site()), &context.vis);
    let deprecated = context.block.args.self_key.is_none().then(|| {
        let note = "a cached method reads this of `self`, which is not in the key: instances share their entries; \
                    write `self_key = …` with it on the block that makes the wrapper, or `self_key = ()` if the \
                    answers do not depend on it";
        quote!(#[deprecated(note = #note)])
    });
    quote!(#deprecated #[allow(non_upper_case_globals)] #vis const #name: () = ();)
}
