//! How generated code reaches the cache, the user's value, and the user's own method.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::context::Context;
use crate::ast::{CallStyle, EntryPoint, Method};
use crate::names;

/// What a generated body works with.
pub(super) struct Access {
    /// What stands in front of a future that is returned.
    pub(super) outside: TokenStream,
    /// What stands in front of the call, in the future if there is one.
    pub(super) prelude: TokenStream,
    /// An expression of the type `&Engine`.
    pub(super) engine: TokenStream,
    /// The user's value, where there is a `self`.
    pub(super) receiver: Option<TokenStream>,
    /// Of a wrapper: what an execution that outlives the call makes a copy of.
    pub(super) core: Option<TokenStream>,
}

impl Access {
    /// In the body of a method or function.
    pub(super) fn of_call(context: &Context<'_>, method: &Method<'_>) -> Self {
        if context.entry_point() == EntryPoint::Wrapper {
            return Self::of_wrapper(context, method);
        }
        let this = method.has_self().then(|| quote!(self));
        let (prelude, engine) = cache(context, &quote!(self));
        Self {
            outside: TokenStream::new(),
            prelude,
            engine,
            receiver: this,
            core: None,
        }
    }

    /// In a wrapper that owns its value, before it lends that.
    pub(super) fn of_shared(context: &Context<'_>) -> Self {
        let core = &context.core;
        Self {
            outside: TokenStream::new(),
            prelude: TokenStream::new(),
            engine: quote!(self.#core.engine()),
            receiver: Some(quote!(self.#core.inner())),
            core: None,
        }
    }

    // Output, in a wrapper that owns its value
    //     let (inner, engine) = self.core.parts();
    fn of_owner(context: &Context<'_>, method: &Method<'_>) -> Self {
        let core = &context.core;
        let (inner, engine) = (names::local("__inner"), names::local("__engine"));
        let (prelude, engine, receiver) = if method.takes_mut() {
            (
                quote!(let (#inner, #engine) = self.#core.parts();),
                quote!(#engine),
                quote!(#inner),
            )
        } else if method.takes_value() {
            (
                quote!(let #engine = ::core::clone::Clone::clone(self.#core.engine());),
                quote!(&#engine),
                quote!(self.#core.into_inner()),
            )
        } else {
            (
                TokenStream::new(),
                quote!(self.#core.engine()),
                quote!(self.#core.inner()),
            )
        };
        Self {
            outside: TokenStream::new(),
            prelude,
            engine,
            receiver: Some(receiver),
            core: None,
        }
    }

    fn of_wrapper(context: &Context<'_>, method: &Method<'_>) -> Self {
        if context.block.owns_value() {
            return Self::of_owner(context, method);
        }
        let field = &context.core;
        let (outside, core) = match method.style {
            // The future may outlive the borrow of the wrapper, as the user's own may.
            CallStyle::Future => {
                let core = names::local("__core");
                (
                    quote!(let #core = ::core::clone::Clone::clone(&self.#field);),
                    core.to_token_stream(),
                )
            }
            CallStyle::Async | CallStyle::Sync => (TokenStream::new(), quote!(self.#field)),
        };
        Self {
            outside,
            prelude: TokenStream::new(),
            engine: quote!(#core.engine()),
            receiver: method.has_self().then(|| quote!(#core.inner())),
            core: Some(core),
        }
    }

    /// In the function that makes a handle on an entry. `self` is what the handles of the block are made by.
    pub(super) fn of_handle(context: &Context<'_>, method: &Method<'_>) -> Self {
        let engine_field = names::engine_field();
        let (prelude, engine, receiver) = match context.entry_point() {
            EntryPoint::Wrapper => {
                let (core, field) = (names::local("__core"), &context.core);
                let wrapper = names::wrapper_field();
                (
                    quote!(let #core = &self.#wrapper.#field;),
                    quote!(#core.engine()),
                    Some(quote!(#core.inner())),
                )
            }
            EntryPoint::InPlace => {
                let (this, field) = (names::local("__this"), names::this_field());
                let prelude = method.has_self().then(|| quote!(let #this = self.#field;));
                (
                    prelude.unwrap_or_default(),
                    quote!(&self.#engine_field),
                    method.has_self().then(|| this.to_token_stream()),
                )
            }
            EntryPoint::Function => {
                let (prelude, engine) = cache(context, &TokenStream::new());
                (prelude, engine, None)
            }
        };
        Self {
            outside: TokenStream::new(),
            prelude,
            engine,
            receiver,
            core: None,
        }
    }

    /// The receiver, for code that is only reached where there is one.
    pub(super) fn this(&self) -> TokenStream {
        self.receiver.clone().unwrap_or_default()
    }
}

// Errors of the compiler about its type point at the expression.
//
// Output
//     let cache: &Cache = &CACHE;
//     engine(cache)
/// Finds the cache in place: what comes first, and the engine.
pub(super) fn cache(context: &Context<'_>, this: &TokenStream) -> (TokenStream, TokenStream) {
    let (krate, private, cache) = (&context.krate, &context.private, names::local("__cache"));
    let expression = context.cache(this);
    // A wrong type is shown at the expression.
    let at = Span::call_site().located_at(expression.span());
    let reference = quote_spanned!(at=> &#expression);
    (
        quote!(let #cache: &#krate::Cache = #reference;),
        quote!(#private::engine(#cache)),
    )
}
