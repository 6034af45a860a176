//! What a method's options say of what it returned.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ExprPath, Ident};

use super::context::Context;
use super::fragment;
use crate::args::NonePolicy;
use crate::plan::{Kind, MethodPlan};
use crate::{names, types};

/// The judge that a call is given.
pub(super) fn of_call(context: &Context<'_>, method: &MethodPlan<'_>) -> TokenStream {
    let private = &context.private;
    match judge(context, method) {
        Some(judge) => {
            let returned = context.ty.ty(&method.returned);
            let shape = fragment::shape(context, method);
            quote!(#private::judge::<#returned, _, _>(#shape, #judge))
        }
        None => quote!(#private::Verdict::store),
    }
}

/// `.judged(…)` behind a handle, where the method has a judge.
pub(super) fn of_handle(
    context: &Context<'_>,
    method: &MethodPlan<'_>,
    shape: &TokenStream,
) -> Option<TokenStream> {
    let private = &context.private;
    let judge = judge(context, method)?;
    let returned = names::local("__returned");
    Some(quote! {
        .judged(|#returned| #private::judge_returned::<_, #shape>(#returned, #judge))
    })
}

// `None` for a method that stores whatever there is to store.
//
// Output
//     |value| {
//         if !is_complete(value) { return Verdict::Skip; }
//         if Option::is_none(value) { return Verdict::StoreFor(Duration::from_millis(10_000)); }
//         Life::verdict(life(value))
//     }
fn judge(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    let Kind::Cached(args) = &method.kind else {
        return None;
    };
    let private = &context.private;
    let value = names::local("__value");
    let mut parts = Vec::new();
    if let Some(cache_if) = &args.cache_if {
        let asked = asked(context, &cache_if.0, &value);
        parts.push(quote!(if !#asked { return #private::Verdict::Skip; }));
    }
    let none_policy = NonePolicy::of(&context.block.args, args);
    // The block speaks of methods that are seen to return an `Option`; the compiler sees to the rest.
    let is_meant = args.cache_none.is_some() || args.ttl_none.is_some();
    let none_policy = if is_meant || types::is_option(&method.returned) {
        none_policy
    } else {
        NonePolicy::Store
    };
    let verdict = match none_policy {
        NonePolicy::Store => None,
        NonePolicy::StoreFor(ms) => {
            Some(quote!(#private::Verdict::StoreFor(::core::time::Duration::from_millis(#ms))))
        }
        NonePolicy::Skip => Some(quote!(#private::Verdict::Skip)),
    };
    if let Some(verdict) = verdict {
        let (at, _) = types::ends(&method.returned);
        let value = Ident::new(&value.to_string(), at);
        let is_none = quote_spanned!(at=> ::core::option::Option::is_none(#value));
        parts.push(quote!(if #is_none { return #verdict; }));
    }
    let otherwise = args.ttl_fn.as_ref().map(|ttl_fn| {
        let at = ours(ttl_fn.0.span());
        let ttl = asked(context, &ttl_fn.0, &value);
        quote_spanned!(at=> #private::Life::verdict(#ttl))
    });
    if parts.is_empty() && otherwise.is_none() {
        return None;
    }
    let otherwise = otherwise.unwrap_or_else(|| quote!(#private::Verdict::Store));
    Some(quote!(|#value| { #(#parts)* #otherwise }))
}

/// `is_complete(value)`, where what the compiler has to say of it is said of the path.
fn asked(context: &Context<'_>, path: &ExprPath, value: &Ident) -> TokenStream {
    let at = ours(path.span());
    let value = Ident::new(&value.to_string(), at);
    let path = context
        .ty
        .expression(path.to_token_stream(), &TokenStream::new());
    quote_spanned!(at=> #path(#value))
}

fn ours(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
