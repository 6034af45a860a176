//! The user's own method: how generated code calls it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Pat};

use super::argument;
use super::context::Context;
use super::fragment::path;
use crate::ast::{self, CallStyle, Method};

/// `<UserRepo>::find(receiver, id)`: what the method returns, or its future.
pub(super) fn call(
    context: &Context<'_>,
    method: &Method<'_>,
    receiver: Option<&TokenStream>,
) -> TokenStream {
    if context.original_is_closure() {
        let closure = closure(context, method, None);
        return quote!((#closure)());
    }
    let path = path(context, method);
    let receiver = receiver.into_iter();
    let arguments = method.args.iter().map(|argument| &argument.ident);
    quote!(#path(#(#receiver,)* #(#arguments),*))
}

/// A closure that makes this call, after what is to be done `before`.
pub(super) fn call_later(
    context: &Context<'_>,
    method: &Method<'_>,
    receiver: Option<&TokenStream>,
    captures: &TokenStream,
    before: Option<&TokenStream>,
) -> TokenStream {
    if context.original_is_closure() {
        return closure(context, method, before);
    }
    let call = call(context, method, receiver);
    match before {
        Some(before) => quote!(#captures || { #before #call }),
        None => quote!(#captures || #call),
    }
}

/// The same, awaited where it is a future.
pub(super) fn awaited(method: &Method<'_>, call: &TokenStream) -> TokenStream {
    if method.style == CallStyle::Async {
        quote!(#call.await)
    } else {
        quote!(#call)
    }
}

// Output
//     async move || -> Option<User> { let (a, b) = __argument_0; … }
fn closure(
    context: &Context<'_>,
    method: &Method<'_>,
    before: Option<&TokenStream>,
) -> TokenStream {
    let given = argument::given(context, method);
    let typed = ast::typed(method.item).zip(&method.args);
    let bound = typed.filter(|(typed, _)| !is_plain(&typed.pat));
    let bound = bound.map(|(typed, argument)| {
        let (pattern, ident) = (&typed.pat, &argument.ident);
        quote!(let #pattern = #ident;)
    });
    let statements = &method.item.block.stmts;
    let body = quote!({ #before #given #(#bound)* #(#statements)* });
    let returned = &method.returned;
    match method.style {
        CallStyle::Async => quote!(async move || -> #returned #body),
        CallStyle::Sync => quote!(move || -> #returned #body),
        CallStyle::Future => quote!(move || #body),
    }
}

fn is_plain(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(ident)
        if ident.by_ref.is_none() && ident.mutability.is_none() && ident.subpat.is_none())
}

/// The arguments of a signature get the names that our bodies know them by.
pub(super) fn name_arguments(
    inputs: &mut syn::punctuated::Punctuated<FnArg, syn::Token![,]>,
    method: &Method<'_>,
) {
    let mut arguments = method.args.iter();
    for input in inputs {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                // Ours: a `self` that comes through `macro_rules!` is not the one in our bodies.
                receiver.self_token.span = proc_macro2::Span::call_site();
            }
            FnArg::Typed(typed) => {
                let argument = arguments.next().expect("each typed input is an argument");
                let ident = &argument.ident;
                typed.attrs.clear();
                typed.pat = syn::parse_quote!(#ident);
            }
        }
    }
}
