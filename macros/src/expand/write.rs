//! The body of a method that writes, where what it drops is known only once it has returned, or is another's.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;

use super::access::Access;
use super::context::Context;
use super::fragment::shape;
use super::invalidation::Site;
use super::original::{awaited, call};
use crate::ast::{Arg, CallStyle, EntryPoint, InvalidatedTag, Invalidates, Method, Writes};
use crate::{names, valid};

// Output
//     let kept = (kept(&id),);
//     let shape = …;
//     let write = Write::begin(engine, vec![…], vec![Invalidation::all(…)]);
//     let returned = <UserRepo>::rename(self.core.inner(), id, name).await;
//     let late = match stored_in(&shape, &returned) {
//         Some(ok) => { let (id,) = kept; vec![CachedUserRepoEntry { … }.by_email(&ok.email).invalidation()] }
//         None => vec![],
//     };
//     write.end(shape, returned, late).await
pub(super) fn body(context: &Context<'_>, method: &Method<'_>, writes: &Writes) -> TokenStream {
    let private = &context.private;
    let access = Access::of_call(context, method);
    // What the wrapper owns is lent to the method, and is whole again when that has returned.
    let shared = context
        .block
        .owns_value()
        .then(|| Access::of_shared(context));
    let of_calls = shared.as_ref().unwrap_or(&access);
    // The user's value may be lent as well, so a cache that is found by it is found twice.
    let (of_cache, of_call) = match context.entry_point() {
        EntryPoint::Wrapper => (TokenStream::new(), access.prelude.clone()),
        EntryPoint::InPlace | EntryPoint::Function => (access.prelude.clone(), TokenStream::new()),
    };
    let [write, shape_, returned, late] =
        ["__write", "__shape", "__returned", "__late"].map(names::local);
    let (wrapper, this) = wrapper(context, method, &access);
    let site = Site {
        context,
        writer: method,
        access: of_calls,
        wrapper: &this,
    };
    let calls = writes.invalidates.iter();
    let (of_ok, plain): (Vec<_>, Vec<_>) = calls.partition(|call| call.ok.is_some());
    let early = plain.into_iter().filter_map(|call| site.dropped(call));
    let tags = writes.tags.iter();
    let (tags_of_ok, tags): (Vec<_>, Vec<_>) = tags.partition(|tag| tag.ok.is_some());
    let early = early.chain(tags.into_iter().map(|tag| site.of_tag(&tag.tag)));
    let engine = &of_calls.engine;
    let otherwise = of_ok
        .iter()
        .filter_map(|call| site.dropped_without_ok(call));
    // A tag whose value is not known.
    let any_tag =
        (!tags_of_ok.is_empty()).then(|| quote!(#private::Invalidation::of_any_tag(#engine)));
    let otherwise = otherwise.chain(any_tag);
    let (keep, again) = kept(context, method, &of_ok, &tags_of_ok);
    let found = of_ok.iter().filter_map(|call| site.dropped(call));
    let found = found.chain(tags_of_ok.iter().map(|tag| site.of_tag(&tag.tag)));
    let ok_of_calls = of_ok.iter().find_map(|call| call.ok.as_ref());
    let ok_of_tags = tags_of_ok.iter().find_map(|tag| tag.ok.as_ref());
    let found = match ok_of_calls.or(ok_of_tags) {
        Some(ok) => quote! {
            match #private::stored_in(&#shape_, &#returned) {
                ::core::option::Option::Some(#ok) => {
                    #again
                    #of_cache
                    ::std::vec![#(#found),*]
                }
                ::core::option::Option::None => ::std::vec::Vec::new(),
            }
        },
        None => quote!(::std::vec::Vec::new()),
    };
    let updates = writes.updates.iter();
    let updates: Vec<_> = updates
        .filter_map(|call| site.updated(call, &shape_))
        .collect();
    let updating = (!updates.is_empty()).then(|| {
        let updates = quote!(::std::vec![#(#updates),*]);
        match method.style {
            CallStyle::Sync => quote!(.updating_blocking(#updates)),
            CallStyle::Async | CallStyle::Future => quote!(.updating(#updates).await),
        }
    });
    let shape = shape(context, method);
    let call = call(context, method, access.receiver.as_ref());
    let call = match method.style {
        CallStyle::Future => quote!(#call.await),
        CallStyle::Async | CallStyle::Sync => awaited(method, &call),
    };
    let run = quote! {
        #wrapper
        #keep
        let #shape_ = #shape;
        let #write = {
            #of_cache
            #private::Write::begin(#engine, ::std::vec![#(#early),*], ::std::vec![#(#otherwise),*]) #updating
        };
        #of_call
        let #returned = #call;
        let #late = #found;
    };
    let outside = &access.outside;
    match method.style {
        CallStyle::Sync => quote!(#run #write.end_blocking(#shape_, #returned, #late)),
        CallStyle::Async => quote!(#run #write.end(#shape_, #returned, #late).await),
        CallStyle::Future => quote! {
            #outside
            async move { #run #write.end(#shape_, #returned, #late).await }
        },
    }
}

// Output, in a future that is returned
//     let wrapper = CachedUserRepo { core: core.clone() };
/// The wrapper by reference. A future that a method returns does not borrow that, so it has a copy.
fn wrapper(
    context: &Context<'_>,
    method: &Method<'_>,
    access: &Access,
) -> (TokenStream, TokenStream) {
    match &access.core {
        Some(core) if method.style == CallStyle::Future => {
            let (copy, path) = (names::local("__wrapper"), context.wrapper_path());
            let field = &context.core;
            let made = quote!(let #copy = #path { #field: ::core::clone::Clone::clone(&#core) };);
            (made, quote!(&#copy))
        }
        _ if method.takes_value() => (TokenStream::new(), quote!(&self)),
        _ => (TokenStream::new(), quote!(self)),
    }
}

// Output
//     let kept = (kept(&id), kept(&name));
//     let (id, name) = kept;
/// Copies of the arguments that stand beside `ok`: the method takes the others.
fn kept(
    context: &Context<'_>,
    method: &Method<'_>,
    of_ok: &[&Invalidates],
    tags: &[&InvalidatedTag],
) -> (TokenStream, TokenStream) {
    let private = &context.private;
    let mut used: Vec<(&Arg<'_>, Ident)> = Vec::new();
    let of_calls = of_ok
        .iter()
        .flat_map(|call| valid::used_with_ok(call.ok.as_ref(), call.args.iter().flatten(), method));
    let of_tags = tags
        .iter()
        .flat_map(|tag| valid::used_with_ok(tag.ok.as_ref(), [&tag.tag.value], method));
    for (argument, named) in of_calls.chain(of_tags) {
        if used.iter().all(|(known, _)| known.ident != argument.ident) {
            used.push((argument, named));
        }
    }
    if used.is_empty() {
        return (TokenStream::new(), TokenStream::new());
    }
    let copies = used.iter().map(|(argument, named)| {
        let ident = &argument.ident;
        // What cannot be copied is shown where it is named.
        let at = proc_macro2::Span::mixed_site().located_at(named.span());
        let given = quote_spanned!(at=> (&#ident));
        quote_spanned!(at=> #private::kept #given)
    });
    let idents = used.iter().map(|(argument, _)| &argument.ident);
    let kept = names::local("__kept");
    (
        quote!(let #kept = (#(#copies,)*);),
        quote!(let (#(#idents,)*) = #kept;),
    )
}
