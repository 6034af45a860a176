//! The methods that are cached: the user's signatures around generated bodies, in the wrapper's block or in place.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ImplItem;
use syn::visit_mut::VisitMut as _;

use super::attributes::{self, cfgs};
use super::body;
use super::context::Context;
use super::original::name_arguments;
use crate::ast::EntryPoint;
use crate::plan::{Kind, MethodPlan};
use crate::types::SelfType;

/// The wrapper's methods: inherent ones, or the trait's.
pub(super) fn implementation(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let methods = methods.filter_map(|one| method(context, one));
    let (generics, where_clause) = context.impl_generics();
    if context.entry_point() == EntryPoint::InPlace {
        let (ty, lints) = (&context.ty.ty, context.lints_in_place());
        return quote! {
            #lints
            impl #generics #ty #where_clause { #(#methods)* }
        };
    }
    let (wrapper, lints) = (context.wrapper_type(), context.lints());
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

/// The function that is cached.
pub(super) fn function(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let function: TokenStream = methods.filter_map(|one| method(context, one)).collect();
    let lints = context.lints_in_place();
    quote!(#lints #function)
}

pub(super) fn method(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    let body = body::of(context, method)?;
    let signature = signature(context, method);
    let carried = attributes::carried(&method.item.attrs);
    let levels = attributes::lint_levels(&method.item.attrs);
    let unused = matches!(method.kind, Kind::Refused).then(|| quote!(#[allow(unused)]));
    let docs = method.is_cached().then(|| {
        let wrapper = &context.wrapper;
        let docs = match context.entry_point() {
            // A link would have to say which of the two it means: the function, or the type of its name.
            EntryPoint::Function => format!(
                "\n\nAnswered from the cache where it can be; `{wrapper}::uncached` runs it without the cache."
            ),
            EntryPoint::Wrapper | EntryPoint::InPlace => {
                format!("\n\nAnswered from the cache where it can be: see [`{wrapper}`].")
            }
        };
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
    name_arguments(&mut signature.inputs, method);
    if context.entry_point() == EntryPoint::Wrapper && !context.is_stub(method) {
        context.ty.clone().visit_signature_mut(&mut signature);
    }
    quote!(#signature)
}
