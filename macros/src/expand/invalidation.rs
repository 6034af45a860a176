//! The entries that a method drops when it has succeeded.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use super::access::Access;
use super::context::Context;
use crate::ast::{EntryPoint, Invalidates, Method};
use crate::plan::MethodPlan;
use crate::{names, types, valid};

/// `None` for a call that is wrong, which has been reported.
pub(super) fn of(
    context: &Context<'_>,
    writer: &Method<'_>,
    access: &Access,
    one: &Invalidates,
) -> Option<TokenStream> {
    let Context { private, plan, .. } = context;
    let method = &one.method;
    let mut here = plan.named(method).peekable();
    let of_self = here.peek().is_some_and(|method| method.has_self());
    if here.peek().is_some() && !here.any(MethodPlan::is_cached) {
        return None;
    }
    let engine = &access.engine;
    Some(match &one.args {
        Some(args) if one.each => {
            let entries = entries(context, access, of_self);
            let list = valid::list_of_each(one, writer).ok()?;
            each(context, one, args, list, &entries, &access.this())
        }
        Some(args) => {
            let entries = entries(context, access, of_self);
            let args = context
                .ty
                .expression(args.to_token_stream(), &access.this());
            let handle = quote_spanned!(method.span()=> .#method(#args));
            quote!(#entries #handle.invalidation())
        }
        None => {
            let methods = context.methods_type();
            quote!(#private::Invalidation::all(#engine, <#methods>::#method()))
        }
    })
}

// Output
//     Invalidation::each({
//         let mut all = Vec::new();
//         for element in ids.iter() { all.push(CachedUserRepoEntry { … }.find(pass(element)).invalidation()); }
//         all
//     })
/// One entry for each element of a list.
fn each(
    context: &Context<'_>,
    call: &Invalidates,
    args: &Punctuated<Expr, Token![,]>,
    list: usize,
    entries: &TokenStream,
    this: &TokenStream,
) -> TokenStream {
    let private = &context.private;
    let [element, all] = ["__element", "__all"].map(names::local);
    let expression = |argument: &Expr| context.ty.expression(argument.to_token_stream(), this);
    let listed = expression(&args[list]);
    let (elements, lent) = match &args[list] {
        Expr::Path(_) => (quote!(#listed.iter()), quote!(#element)),
        _ => (
            quote!(::core::iter::IntoIterator::into_iter(#listed)),
            quote!(&#element),
        ),
    };
    let given = args.iter().enumerate().map(|(place, argument)| {
        if place != list {
            return expression(argument);
        }
        if takes_any(context, call, list) {
            quote!(::core::clone::Clone::clone(#lent))
        } else {
            quote!(#private::pass(#lent))
        }
    });
    let method = &call.method;
    let handle = quote_spanned!(method.span()=> .#method(#(#given),*));
    quote! {
        #private::Invalidation::each({
            let mut #all = ::std::vec::Vec::new();
            for #element in #elements {
                #all.push(#entries #handle.invalidation());
            }
            #all
        })
    }
}

/// Whether the method takes this argument in any form, so that only the element says its type.
fn takes_any(context: &Context<'_>, call: &Invalidates, place: usize) -> bool {
    let method = context.plan.named(&call.method).next();
    let argument = method.and_then(|method| {
        let mut keyed = method.args.iter().filter(|argument| !argument.skipped);
        keyed.nth(place)
    });
    argument.is_some_and(|argument| types::is_opaque(argument.ty))
}

/// What has the handles on entries, of the value in a method.
fn entries(context: &Context<'_>, access: &Access, of_self: bool) -> TokenStream {
    let engine = &access.engine;
    match context.entry_point() {
        EntryPoint::Wrapper => {
            let (entries, field) = (context.entries_path(), names::wrapper_field());
            quote!(#entries { #field: self })
        }
        _ if of_self => {
            let (of, this) = (names::entries_of(&context.wrapper), names::this_field());
            let (engine_field, receiver) = (names::engine_field(), access.this());
            quote!(#of { #this: &*#receiver, #engine_field: ::core::clone::Clone::clone(#engine) })
        }
        _ => {
            let (entries, engine_field) = (&context.entries, names::engine_field());
            let types = names::types_field();
            let (_, arguments, _) = context.own.split_for_impl();
            let turbofish = arguments.as_turbofish();
            quote!(#entries #turbofish {
                #engine_field: ::core::clone::Clone::clone(#engine),
                #types: ::core::marker::PhantomData,
            })
        }
    }
}
