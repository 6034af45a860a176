//! The wrapper's own `impl` block, or that of the trait: the user's signatures around generated bodies.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::visit_mut::VisitMut as _;
use syn::{FnArg, ImplItem};

use super::attributes::{self, cfgs};
use super::body;
use super::context::Context;
use crate::plan::{Kind, MethodPlan};
use crate::types::SelfType;

/// The wrapper's methods: inherent ones, or the trait's.
pub(super) fn implementation(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let methods = methods.filter_map(|one| method(context, one));
    let (generics, where_clause) = context.impl_generics();
    let wrapper = context.wrapper_type();
    let lints = context.lints();
    let Some(trait_) = &context.ty.trait_ else {
        return quote! {
            #lints
            impl #generics #wrapper #where_clause { #(#methods)* }
        };
    };
    let trait_ = context.ty.ty(&syn::parse_quote!(#trait_));
    let attributes = context.block.item.attrs.iter().filter(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|segment| segment.ident == "async_trait")
    });
    let items = associated_items(context);
    quote! {
        #(#attributes)*
        #lints
        impl #generics #trait_ for #wrapper #where_clause { #(#items)* #(#methods)* }
    }
}

/// The constants and types of a trait, as the user's type has them.
fn associated_items(context: &Context<'_>) -> Vec<TokenStream> {
    let SelfType { ty, trait_ } = &context.ty;
    let each = context.block.item.items.iter().filter_map(|item| match item {
        ImplItem::Const(item) => {
            let (ident, of) = (&item.ident, context.ty.ty(&item.ty));
            let cfgs = cfgs(&item.attrs);
            Some(quote!(#(#cfgs)* const #ident: #of = <#ty as #trait_>::#ident;))
        }
        ImplItem::Type(item) => {
            let ident = &item.ident;
            let generics = context.ty.generics(&item.generics);
            let (_, arguments, where_clause) = generics.split_for_impl();
            let cfgs = cfgs(&item.attrs);
            Some(quote!(#(#cfgs)* type #ident #generics = <#ty as #trait_>::#ident #arguments #where_clause;))
        }
        _ => None,
    });
    each.collect()
}

fn method(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    let body = body::of(context, method)?;
    let signature = signature(context, method);
    let carried = attributes::carried(&method.item.attrs);
    let levels = attributes::lint_levels(&method.item.attrs);
    let unused = matches!(method.kind, Kind::Refused).then(|| quote!(#[allow(unused)]));
    let docs = method.is_cached().then(|| {
        let docs = format!(
            "\n\nAnswered from the cache where it can be: see [`{}`].",
            context.wrapper
        );
        quote!(#[doc = #docs])
    });
    let docs = docs.filter(|_| context.block.trait_.is_none());
    let vis = &method.item.vis;
    Some(quote!(#(#carried)* #(#levels)* #unused #docs #vis #signature { #body }))
}

/// The user's signature, with the user's type for `Self` and a name for each argument.
fn signature(context: &Context<'_>, method: &MethodPlan<'_>) -> TokenStream {
    let mut signature = method.item.sig.clone();
    signature.constness = None;
    let mut arguments = method.args.iter();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                // Ours: a `self` that comes through `macro_rules!` is not the one in our bodies.
                receiver.self_token.span = Span::call_site();
            }
            FnArg::Typed(typed) => {
                let argument = arguments.next().expect("each typed input is an argument");
                let ident = &argument.ident;
                typed.attrs.clear();
                typed.pat = syn::parse_quote!(#ident);
            }
        }
    }
    if !context.is_stub(method) {
        context.ty.clone().visit_signature_mut(&mut signature);
    }
    quote!(#signature)
}
