//! What a method's options say of what it returned: whether it is stored, and for how long.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ExprPath, Ident};

use super::context::Context;
use super::fragment;
use crate::args::{MethodArgs, NonePolicy};
use crate::ast::Method;
use crate::{names, types};

/// What a call is given to decide whether, and for how long, a value is stored.
pub(super) fn of_call(
    context: &Context<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
) -> TokenStream {
    let private = &context.private;
    match condition(context, method, args) {
        Some(condition) => {
            let returned = context.ty.ty(&method.returned);
            let shape = fragment::shape(context, method);
            quote!(#private::condition::<#returned, _, _>(#shape, #condition))
        }
        None => quote!(#private::Cacheability::always),
    }
}

/// The same for a handle, as a call behind its constructor, where the method has a condition.
pub(super) fn of_handle(
    context: &Context<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
    shape: &TokenStream,
) -> Option<TokenStream> {
    let private = &context.private;
    let condition = condition(context, method, args)?;
    let returned = names::local("__returned");
    Some(quote! {
        .with_condition(|#returned| #private::cacheability_of::<_, #shape>(#returned, #condition))
    })
}

// Output
//     ErrorsOf::<Result<User, DbError>>::whole(|error| Self::is_not_found(error), 10_000)
/// Which errors are stored; `None` for a method without `cache_err`.
pub(super) fn errors(
    context: &Context<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
) -> Option<TokenStream> {
    let private = &context.private;
    let (cache_err, ttl_err) = (args.cache_err.as_ref()?, args.ttl_err?);
    let returned = context.ty.ty(&method.returned);
    let (error, ms, at) = (names::local("__error"), ttl_err.0, ours(cache_err.0.span()));
    let is_cached = apply(context, &cache_err.0, &error);
    let is_cached = quote_spanned!(at=> |#error| #is_cached);
    let of = quote_spanned!(at=> #private::ErrorsOf::<#returned>);
    let errors = match &args.err_value {
        None => quote_spanned!(at=> #of::whole(#is_cached, #ms)),
        Some(err_value) => {
            let at = ours(err_value.0.span());
            let path = context
                .ty
                .expression(err_value.0.to_token_stream(), &TokenStream::new());
            let restore = quote_spanned!(at=> || #path());
            quote!(#of::marked(#is_cached, #ms, #restore))
        }
    };
    Some(errors)
}

// `None` for a method that stores whatever there is to store.
//
// Output
//     |value| {
//         if !is_complete(value) { return Cacheability::Uncacheable; }
//         if Option::is_none(value) { return Cacheability::For(Duration::from_millis(10_000)); }
//         IntoCacheability::into_cacheability(life(value))
//     }
fn condition(context: &Context<'_>, method: &Method<'_>, args: &MethodArgs) -> Option<TokenStream> {
    let private = &context.private;
    let value = names::local("__value");
    let mut parts = Vec::new();
    if let Some(cache_if) = &args.cache_if {
        let is_met = apply(context, &cache_if.0, &value);
        parts.push(quote!(if !#is_met { return #private::Cacheability::Uncacheable; }));
    }
    let none_policy = NonePolicy::of(&context.block.args, args);
    // The block speaks of methods that are seen to return an `Option`; the compiler sees to the rest.
    let is_meant = args.cache_none.is_some() || args.ttl_none.is_some();
    let none_policy = if is_meant || types::is_option(&method.returned) {
        none_policy
    } else {
        NonePolicy::Store
    };
    let when_none = match none_policy {
        NonePolicy::Store => None,
        NonePolicy::StoreFor(ms) => {
            Some(quote!(#private::Cacheability::For(::core::time::Duration::from_millis(#ms))))
        }
        NonePolicy::Skip => Some(quote!(#private::Cacheability::Uncacheable)),
    };
    if let Some(when_none) = when_none {
        let (at, _) = types::ends(&method.returned);
        let value = Ident::new(&value.to_string(), at);
        let is_none = quote_spanned!(at=> ::core::option::Option::is_none(#value));
        parts.push(quote!(if #is_none { return #when_none; }));
    }
    let otherwise = args.ttl_fn.as_ref().map(|ttl_fn| {
        let at = ours(ttl_fn.0.span());
        let ttl = apply(context, &ttl_fn.0, &value);
        quote_spanned!(at=> #private::IntoCacheability::into_cacheability(#ttl))
    });
    let tags = args.tags_fn.as_ref().map(|tags_fn| {
        let at = ours(tags_fn.0.span());
        let tags = apply(context, &tags_fn.0, &value);
        quote_spanned!(at=> || #tags)
    });
    if parts.is_empty() && otherwise.is_none() && tags.is_none() {
        return None;
    }
    let otherwise = otherwise.unwrap_or_else(|| quote!(#private::Cacheability::Cacheable));
    let Some(tags) = tags else {
        return Some(quote!(|#value| { #(#parts)* #otherwise }));
    };
    let decide = quote!(|| { #(#parts)* #otherwise });
    Some(quote!(|#value| #private::Cacheability::tagged((#decide)(), #tags)))
}

/// `is_complete(value)`, with errors of the compiler at the path.
fn apply(context: &Context<'_>, path: &ExprPath, value: &Ident) -> TokenStream {
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
