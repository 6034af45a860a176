//! What the wrapper's methods do: one call each.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Safety};

use super::context::Context;
use super::fragment::{key_writer, path, shape};
use super::{argument, cacheability, owned, returned};
use crate::args::MethodArgs;
use crate::ast::{CallStyle, Invalidates, Method};
use crate::plan::{Kind, MethodPlan};
use crate::{args, names, types, valid};

/// `None` for a method that the wrapper does not have.
pub(super) fn of(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
    match &method.kind {
        Kind::Omitted => None,
        Kind::Cached(args) => Some(cached(context, method, args)),
        Kind::Delegated(calls) if !calls.is_empty() => Some(invalidating(context, method, calls)),
        Kind::Delegated(_) => Some(delegated(context, method)),
        Kind::Associated => Some(awaited(method, &call(context, method, None))),
        Kind::Refused => refused(context, method),
    }
}

// Output
//     let call = Call::new(self.core.engine(), CachedUserRepoMethods::find(), |writer| { writer.add(&id); });
//     call.run(shape, Cacheability::always, move || <UserRepo>::find(self.core.inner(), id)).await
fn cached(context: &Context<'_>, method: &MethodPlan<'_>, args: &MethodArgs) -> TokenStream {
    let Context { private, core, .. } = context;
    let (methods, name) = (context.methods_type(), method.name());
    let core_of_future = names::local("__core");
    let holder = match method.style {
        // The future may outlive the borrow of the wrapper, as the user's own may.
        CallStyle::Future => quote!(#core_of_future),
        CallStyle::Async | CallStyle::Sync => quote!(self.#core),
    };
    let inner = quote!(#holder.inner());
    let writer = key_writer(context, method, &inner);
    // Errors of the compiler about the value's type point there.
    let (at, _) = types::ends(&method.returned);
    let made = Ident::new("__call", at);
    let make = quote! {
        let #made = #private::Call::new(#holder.engine(), <#methods>::#name(), #writer);
    };
    let (shape, condition) = (
        shape(context, method),
        cacheability::of_call(context, method),
    );
    let outlives = args::outlives_calls(&context.block.args, args);
    let call = call(context, method, Some(&inner));
    let call = match method.style {
        _ if outlives => owned::make(context, method, &holder),
        // `move ||` would take the core, which the call borrows.
        CallStyle::Future => quote!(|| #call),
        CallStyle::Async | CallStyle::Sync => quote!(move || #call),
    };
    let run = match (method.style, outlives) {
        (CallStyle::Sync, false) => "run_blocking",
        (CallStyle::Sync, true) => "run_stale_blocking",
        (_, false) => "run",
        (_, true) => "run_stale",
    };
    let run = Ident::new(run, at);
    let answer = quote_spanned!(at=> #made.#run(#shape, #condition, #call));
    let owning = returned::owning(context, method);
    let (takes, lends) = (
        argument::takes(context, method),
        argument::lends(context, method),
    );
    let make = quote!(#owning #lends #make);
    match method.style {
        CallStyle::Sync => quote!(#takes #make #answer),
        CallStyle::Async => {
            let answer = quote_spanned!(at=> #answer.await);
            quote!(#takes #make #answer)
        }
        CallStyle::Future => {
            let answer = quote_spanned!(at=> #answer.await);
            quote! {
                #takes
                let #core_of_future = ::core::clone::Clone::clone(&self.#core);
                async move { #make #answer }
            }
        }
    }
}

fn delegated(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let core = &context.core;
    let call = call(context, method, Some(&quote!(self.#core.inner())));
    match &method.item.sig.safety {
        // SAFETY: the caller of this method has made the promise that the other asks for.
        Safety::Unsafe(_) => awaited(method, &quote!(unsafe { #call })),
        _ => awaited(method, &call),
    }
}

// Output
//     let dropped = vec![self.entry().find(id).invalidation()];
//     invalidate_after(self.core.engine(), dropped, shape, <UserRepo>::rename(self.core.inner(), id, name)).await
fn invalidating(context: &Context<'_>, method: &Method<'_>, calls: &[Invalidates]) -> TokenStream {
    let Context { private, core, .. } = context;
    let (dropped, owned) = (names::local("__dropped"), names::local("__core"));
    let each = calls.iter().filter_map(|one| invalidation(context, one));
    let make = quote!(let #dropped = ::std::vec![#(#each),*];);
    let shape = shape(context, method);
    let holder = match method.style {
        CallStyle::Future => quote!(#owned),
        CallStyle::Async | CallStyle::Sync => quote!(self.#core),
    };
    let call = call(context, method, Some(&quote!(#holder.inner())));
    let after = match method.style {
        CallStyle::Sync => {
            quote!(#private::invalidate_after_blocking(#holder.engine(), #dropped, #shape, move || #call))
        }
        _ => quote!(#private::invalidate_after(#holder.engine(), #dropped, #shape, #call).await),
    };
    match method.style {
        CallStyle::Future => quote! {
            #make
            let #owned = ::core::clone::Clone::clone(&self.#core);
            async move { #after }
        },
        CallStyle::Async | CallStyle::Sync => quote!(#make #after),
    }
}

/// `None` for a call that is wrong, which has been reported.
fn invalidation(context: &Context<'_>, one: &Invalidates) -> Option<TokenStream> {
    let Context {
        private,
        core,
        plan,
        ..
    } = context;
    let method = &one.method;
    let mut here = plan.named(method).peekable();
    if here.peek().is_some() && !here.any(MethodPlan::is_cached) {
        return None;
    }
    Some(match &one.args {
        Some(args) => {
            let entries = context.entries_of_self();
            let args = context
                .ty
                .expression(args.clone(), &quote!(self.#core.inner()));
            let handle = quote_spanned!(method.span()=> .#method(#args));
            quote!(#entries #handle.invalidation())
        }
        None => {
            let methods = context.methods_type();
            quote!(#private::Invalidation::all(self.#core.engine(), <#methods>::#method()))
        }
    })
}

/// A body that compiles under the user's signature.
fn refused(context: &Context<'_>, method: &MethodPlan<'_>) -> Option<TokenStream> {
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

/// `<UserRepo>::find(receiver, id)`
fn call(context: &Context<'_>, method: &Method<'_>, receiver: Option<&TokenStream>) -> TokenStream {
    let path = path(context, method);
    let receiver = receiver.into_iter();
    let arguments = method.args.iter().map(|argument| &argument.ident);
    quote!(#path(#(#receiver,)* #(#arguments),*))
}

fn awaited(method: &Method<'_>, call: &TokenStream) -> TokenStream {
    if method.style == CallStyle::Async {
        quote!(#call.await)
    } else {
        quote!(#call)
    }
}
