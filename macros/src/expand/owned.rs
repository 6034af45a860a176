//! An execution of the method that outlives the call: it owns all that it needs.

use super::access::Access;
use super::argument as converted;
use super::context::Context;
use super::fragment::path;
use crate::ast::{Arg, CallStyle, Method};
use crate::{names, types};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

// Output
//     || {
//         let core = Clone::clone(&self.core);
//         let country = ToOwnedArg::to_owned_arg(country);
//         async move { <UserRepo>::tax_rate(core.inner(), Borrow::<str>::borrow(&country)).await }
//     }
/// With what is to be done `before` the arguments are taken.
pub(super) fn make(
    context: &Context<'_>,
    method: &Method<'_>,
    access: &Access,
    before: Option<&TokenStream>,
) -> TokenStream {
    let private = &context.private;
    let (core, this) = (names::local("__core"), names::local("__this"));
    let (hold, receiver) = match (&access.core, &access.receiver) {
        (Some(holder), _) => (
            quote!(let #core = ::core::clone::Clone::clone(&#holder);),
            Some(quote!(#core.inner())),
        ),
        (None, Some(_)) => (
            quote!(let #this = #private::ToOwnedArg::to_owned_arg(self);),
            Some(quote!(&#this)),
        ),
        (None, None) => (TokenStream::new(), None),
    };
    let receiver = receiver.into_iter();
    let owned = method.args.iter().map(|argument| {
        let converted = converted::owned(context, method, argument);
        converted.unwrap_or_else(|| owned(context, argument))
    });
    let lent = method.args.iter().map(|argument| {
        let converted = converted::lent_again(context, method, argument);
        converted.unwrap_or_else(|| lent(context, argument))
    });
    let path = path(context, method);
    let call = quote!(#path(#(#receiver,)* #(#lent),*));
    let run = match method.style {
        CallStyle::Sync => quote!(move || #call),
        CallStyle::Async | CallStyle::Future => quote!(async move { #call.await }),
    };
    quote! {
        || {
            #before
            #hold
            #(#owned)*
            #run
        }
    }
}

fn owned(context: &Context<'_>, argument: &Arg<'_>) -> TokenStream {
    let (private, ident) = (&context.private, &argument.ident);
    let (at, _) = types::ends(argument.ty);
    // Errors of the compiler point at the argument's type.
    let mut given = ident.clone();
    given.set_span(ident.span().located_at(at));
    let given = match types::lendable(argument.ty) {
        Some(_) => quote!(#given),
        None => quote_spanned!(at=> &#given),
    };
    quote_spanned!(at=> let #ident = #private::ToOwnedArg::to_owned_arg(#given);)
}

fn lent(context: &Context<'_>, argument: &Arg<'_>) -> TokenStream {
    let ident = &argument.ident;
    let (at, _) = types::ends(argument.ty);
    match types::lendable(argument.ty) {
        Some(ty) => {
            let ty = context.ty.ty(ty);
            quote_spanned!(at=> ::core::borrow::Borrow::<#ty>::borrow(&#ident))
        }
        None => quote!(#ident),
    }
}
