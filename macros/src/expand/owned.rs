//! A run of the method that outlives the call: it owns all that it needs.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Type};

use super::Context;
use super::method::path;
use crate::ast::{Arg, How, Method};
use crate::{names, types};

// Output
//     || {
//         let core = Clone::clone(&self.core);
//         let country = ToOwned::to_owned(country);
//         async move { <UserRepo>::tax_rate(core.inner(), Borrow::<str>::borrow(&country)).await }
//     }
pub(super) fn make(
    context: &Context<'_>,
    method: &Method<'_>,
    holder: &TokenStream,
) -> TokenStream {
    let core = names::local("__core");
    let owned = method.args.iter().map(|argument| owned(argument));
    let lent = method.args.iter().map(|argument| lent(context, argument));
    let path = path(context, method);
    let call = quote!(#path(#core.inner(), #(#lent),*));
    let run = match method.how {
        How::Sync => quote!(move || #call),
        How::Async | How::Future => quote!(async move { #call.await }),
    };
    quote! {
        || {
            let #core = ::core::clone::Clone::clone(&#holder);
            #(#owned)*
            #run
        }
    }
}

fn owned(argument: &Arg<'_>) -> TokenStream {
    let ident = &argument.ident;
    let (at, _) = types::ends(argument.ty);
    // What the compiler has to say of it, it says at the argument's type.
    let mut given = ident.clone();
    given.set_span(ident.span().located_at(at));
    match types::lendable(argument.ty) {
        Some(_) => quote_spanned!(at=> let #ident = ::std::borrow::ToOwned::to_owned(#given);),
        None => quote_spanned!(at=> let #ident = ::core::clone::Clone::clone(&#given);),
    }
}

fn lent(context: &Context<'_>, argument: &Arg<'_>) -> TokenStream {
    let ident: &Ident = &argument.ident;
    match types::lendable(argument.ty) {
        Some(ty) => {
            let ty: Type = context.ty.ty(ty);
            quote!(::core::borrow::Borrow::<#ty>::borrow(&#ident))
        }
        None => quote!(#ident),
    }
}
