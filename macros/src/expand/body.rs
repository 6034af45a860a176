//! What generated methods do: one call each.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Safety};

use super::access::Access;
use super::context::Context;
use super::fragment::{key_writer, shape};
use super::original::{awaited, call, call_later};
use super::{argument, batch, cacheability, invalidation, label, owned, returned, tags, write};
use crate::args::MethodArgs;
use crate::ast::{CallStyle, EntryPoint, Method, Writes};
use crate::plan::{Kind, MethodPlan};
use crate::{args, names, types, valid};

/// `None` for a method that the wrapper does not have.
pub(super) fn of(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    match &method.kind {
        Kind::Omitted => None,
        Kind::Cached(args) => Some(cached(context, method, args)),
        Kind::Delegated(writes) if writes.is_empty() => Some(delegated(context, method)),
        Kind::Delegated(writes) if invalidation::is_plain(writes) => {
            Some(invalidating(context, method, writes))
        }
        Kind::Delegated(writes) => Some(write::body(context, method, writes)),
        Kind::Associated => Some(awaited(method, &call(context, method, None))),
        Kind::Refused => refused(context, method),
    }
}

// Output
//     let call = Call::new(self.core.engine(), CachedUserRepoMethods::find(), |writer| { writer.add(&id); });
//     call.run(shape, Cacheability::always, move || <UserRepo>::find(self.core.inner(), id)).await
fn cached(context: &Context<'_>, method: &MethodPlan<'_>, args: &MethodArgs) -> TokenStream {
    let private = &context.private;
    let access = Access::of_call(context, method);
    let Access {
        prelude, engine, ..
    } = &access;
    if let Some(batch) = &method.batch {
        let takes = argument::takes(context, method);
        let body = batch::body(context, method, args, batch, &access);
        let whole = whole(&access, method, &body);
        return quote!(#takes #whole);
    }
    let writer = key_writer(context, method, &access.this());
    // Errors of the compiler about the value's type point there.
    let (at, _) = types::ends(&method.returned);
    let made = Ident::new("__call", at);
    let tags = tags::of_call(context, args, &access.this());
    let (slot, labeled) = (label::made(context, args), label::of_call(args));
    let label = label::filled(method, args);
    let errors = cacheability::errors(context, method, args);
    let errors = errors.map(|errors| quote!(.caching_errors(#errors)));
    let declaration = context.declaration(method);
    let owning = returned::owning(context, method);
    let lends = argument::lends(context, method);
    let make = quote! {
        #prelude
        #owning
        #lends
        #slot
        let #made = #private::Call::new(#engine, #declaration(), #writer) #tags #labeled #errors;
    };
    let (shape, condition) = (
        shape(context, method),
        cacheability::of_call(context, method, args),
    );
    let outlives = args::outlives_calls(&context.block.args, args);
    // `move ||` would take the core of a future, which the call borrows.
    let captures = match (method.style, &access.core) {
        (CallStyle::Future, Some(_)) => quote!(),
        _ => quote!(move),
    };
    let execution = if outlives {
        owned::make(context, method, &access, label.as_ref())
    } else {
        let receiver = access.receiver.as_ref();
        call_later(context, method, receiver, &captures, label.as_ref())
    };
    let run = match (method.style, outlives) {
        (CallStyle::Sync, false) => "run_blocking",
        (CallStyle::Sync, true) => "run_stale_blocking",
        (_, false) => "run",
        (_, true) => "run_stale",
    };
    let run = Ident::new(run, at);
    let answer = quote_spanned!(at=> #made.#run(#shape, #condition, #execution));
    let answer = match method.style {
        CallStyle::Sync => answer,
        CallStyle::Async | CallStyle::Future => quote_spanned!(at=> #answer.await),
    };
    let takes = argument::takes(context, method);
    let whole = whole(&access, method, &quote!(#make #answer));
    quote!(#takes #whole)
}

/// A body in a future where the method returns one.
fn whole(access: &Access, method: &Method<'_>, body: &TokenStream) -> TokenStream {
    let outside = &access.outside;
    match method.style {
        CallStyle::Future => quote!(#outside async move { #body }),
        CallStyle::Async | CallStyle::Sync => quote!(#outside #body),
    }
}

fn delegated(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let core = &context.core;
    let receiver = if context.block.owns_value() && method.takes_mut() {
        quote!(self.#core.inner_mut())
    } else if context.block.owns_value() && method.takes_value() {
        quote!(self.#core.into_inner())
    } else {
        quote!(self.#core.inner())
    };
    let call = call(context, method, Some(&receiver));
    match &method.item.sig.safety {
        // SAFETY: the caller of this method has made the promise that the other asks for.
        Safety::Unsafe(_) => awaited(method, &quote!(unsafe { #call })),
        _ => awaited(method, &call),
    }
}

// Output
//     let dropped = vec![CachedUserRepoEntry { … }.find(id).invalidation()];
//     invalidate_after(self.core.engine(), dropped, shape, <UserRepo>::rename(self.core.inner(), id, name)).await
fn invalidating(context: &Context<'_>, method: &Method<'_>, writes: &Writes) -> TokenStream {
    let private = &context.private;
    let access = Access::of_call(context, method);
    let Access {
        outside,
        prelude,
        engine,
        ..
    } = &access;
    let dropped = names::local("__dropped");
    // What the wrapper owns is lent to the method after that.
    let early = context
        .block
        .owns_value()
        .then(|| Access::of_shared(context));
    let this = if method.takes_value() {
        quote!(&self)
    } else {
        quote!(self)
    };
    let site = invalidation::Site {
        context,
        writer: method,
        access: early.as_ref().unwrap_or(&access),
        wrapper: &this,
    };
    let calls = writes.invalidates.iter();
    let each = calls.filter_map(|call| site.dropped(call));
    let of_tags = writes.tags.iter().map(|tag| site.of_tag(&tag.tag));
    let each = each.chain(of_tags);
    let make = quote!(let #dropped = ::std::vec![#(#each),*];);
    let prepared = match early {
        Some(_) => quote!(#make #prelude),
        None => quote!(#prelude #make),
    };
    let shape = shape(context, method);
    let call = call(context, method, access.receiver.as_ref());
    match method.style {
        CallStyle::Sync => quote! {
            #prepared
            #private::invalidate_after_blocking(#engine, #dropped, #shape, move || #call)
        },
        CallStyle::Async => quote! {
            #prepared
            #private::invalidate_after(#engine, #dropped, #shape, #call).await
        },
        CallStyle::Future if early.is_some() => quote! {
            #make
            async move {
                #prelude
                #private::invalidate_after(#engine, #dropped, #shape, #call).await
            }
        },
        // The arguments of what is dropped are lent before the method takes them.
        CallStyle::Future => {
            let holder = names::local("__engine");
            quote! {
                #outside
                let (#holder, #dropped) = {
                    #prelude
                    #make
                    (::core::clone::Clone::clone(#engine), #dropped)
                };
                async move {
                    #private::invalidate_after(&#holder, #dropped, #shape, #call).await
                }
            }
        }
    }
}

/// A body that compiles under the user's signature.
fn refused(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    if context.entry_point() != EntryPoint::Wrapper {
        return None;
    }
    if context.is_stub(method) {
        return Some(quote!(loop {}));
    }
    match method.item.sig.receiver() {
        Some(receiver) if valid::is_shared(receiver) => Some(delegated(context, method)),
        Some(_) => {
            let call = call(context, method, Some(&quote!(loop {})));
            Some(awaited(method, &call))
        }
        None if context.block.trait_.is_some() => {
            Some(awaited(method, &call(context, method, None)))
        }
        None => None,
    }
}
