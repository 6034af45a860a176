//! Pieces that several generated items share: the path of a method, what writes its key, its return type.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericParam, Ident, Lifetime, Type};

use super::argument;
use super::context::Context;
use crate::ast::{EntryPoint, Method};
use crate::{names, types};

/// `<UserRepo>::find::<T>`: never by the method's name alone, which other traits may have.
pub(super) fn path(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let ty = &context.ty.ty;
    let name = match context.entry_point() {
        EntryPoint::Wrapper => method.name().clone(),
        EntryPoint::InPlace => names::uncached(method.name()),
        EntryPoint::Function => names::uncached_function(),
    };
    let arguments = method
        .item
        .sig
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            // Of what the argument is converted to.
            GenericParam::Type(param) if method.is_replaced(&param.ident) => Some(quote!(_)),
            GenericParam::Type(param) => Some(param.ident.to_token_stream()),
            GenericParam::Const(param) => Some(param.ident.to_token_stream()),
            // Lifetimes may be late bound, and then cannot be named (E0794).
            GenericParam::Lifetime(_) => None,
        });
    let arguments: Vec<_> = arguments.collect();
    let turbofish = (!arguments.is_empty()).then(|| quote!(::<#(#arguments),*>));
    match &context.ty.trait_ {
        Some(trait_) if context.entry_point() == EntryPoint::Wrapper => {
            // A method may ask for less than its trait: the compiler finds the trait's lifetimes.
            let any = Lifetime::new("'_", Span::call_site());
            let trait_ = types::with_lifetime(&syn::parse_quote!(#trait_), &any, false);
            quote!(<#ty as #trait_>::#name #turbofish)
        }
        _ => quote!(<#ty>::#name #turbofish),
    }
}

/// The closure that writes what the key of a call is made of, once its arguments are lent.
pub(super) fn key_writer(
    context: &Context<'_>,
    method: &Method<'_>,
    inner: &TokenStream,
) -> TokenStream {
    writer(context, method, &KeyOfSelf::Of(inner), None)
}

/// The same for a handle, whose arguments are only taken.
pub(super) fn lending_key_writer(
    context: &Context<'_>,
    method: &Method<'_>,
    inner: &TokenStream,
) -> TokenStream {
    writer(
        context,
        method,
        &KeyOfSelf::Of(inner),
        Some(&argument::lends(context, method)),
    )
}

/// The same where there is no value: with what is given for `self_key`.
pub(super) fn writer_by_path(
    context: &Context<'_>,
    method: &Method<'_>,
    self_key: Option<&Ident>,
) -> TokenStream {
    let lends = argument::lends(context, method);
    writer(context, method, &KeyOfSelf::Given(self_key), Some(&lends))
}

/// What of `self` is in a key.
enum KeyOfSelf<'a> {
    /// As the block says it of this value.
    Of(&'a TokenStream),
    Given(Option<&'a Ident>),
}

fn writer(
    context: &Context<'_>,
    method: &Method<'_>,
    self_key: &KeyOfSelf<'_>,
    lends: Option<&TokenStream>,
) -> TokenStream {
    let writer = names::local("__writer");
    let mut parts = Vec::new();
    for generics in [&context.generics, &method.item.sig.generics] {
        parts.extend(generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => {
                let ident = &param.ident;
                let counts = method.counts_parameter(ident);
                counts.then(|| quote!(#writer.add_type::<#ident>();))
            }
            GenericParam::Const(param) => {
                let ident = &param.ident;
                Some(quote!(#writer.add(&#ident);))
            }
            GenericParam::Lifetime(_) => None,
        }));
    }
    let nothing = TokenStream::new();
    let inner = match self_key {
        KeyOfSelf::Of(inner) => {
            parts.extend(self_key_parts(context, method, inner, &writer));
            *inner
        }
        KeyOfSelf::Given(given) => {
            parts.extend(given.map(|given| quote!(#writer.add(&#given);)));
            &nothing
        }
    };
    let keyed = method.args.iter().filter(|argument| !argument.skipped);
    parts.extend(keyed.map(|one| argument::key_part(context, method, one, inner, &writer)));
    quote!(|#writer| { #lends #(#parts)* })
}

fn self_key_parts(
    context: &Context<'_>,
    method: &Method<'_>,
    inner: &TokenStream,
    writer: &Ident,
) -> Vec<TokenStream> {
    let mut parts = Vec::new();
    let says_self_key = context.block.args.self_key.is_some() && method.has_self();
    if context.block.extends() || says_self_key {
        let (methods, self_key) = (context.methods_type(), names::self_key());
        parts.push(quote!(<#methods>::#self_key(#inner, #writer);));
    }
    if context.block.extends() {
        parts.extend(self_key_part(context, inner, writer));
    }
    parts
}

// What one block says of `self` holds for all that join it.
//
// Output
//     pub fn __self_key(this: &UserRepo, writer: &mut KeyWriter) { writer.add(&this.tenant); }
pub(super) fn self_key(context: &Context<'_>) -> TokenStream {
    let Context { private, vis, .. } = context;
    let (this, writer) = (names::local("__this"), names::local("__writer"));
    let part = self_key_part(context, &this.to_token_stream(), &writer);
    let (name, ty) = (names::self_key(), &context.ty.ty);
    let (generics, _, where_clause) = context.own.split_for_impl();
    quote! {
        #vis fn #name #generics (#this: &#ty, #writer: &mut #private::KeyWriter) #where_clause { #part }
    }
}

fn self_key_part(context: &Context<'_>, this: &TokenStream, writer: &Ident) -> Option<TokenStream> {
    let self_key = context.block.args.self_key.as_ref();
    let self_key = self_key.filter(|self_key| !self_key.is_nothing())?;
    let expression = self_key.0.to_token_stream();
    let span = Span::mixed_site().located_at(expression.span());
    let expression = context.ty.expression(expression, this);
    Some(quote_spanned!(span=> #writer.add(&(#expression));))
}

/// The shape of the method's return type, as a value, and as if it stood there.
pub(super) fn shape(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let private = &context.private;
    let returned = context.ty.ty(&method.returned);
    let (at, _) = types::ends(&method.returned);
    quote_spanned!(at=> { use #private::PlainProbe as _; #private::Probe::<#returned>::new().return_type() })
}

/// The type of the method's result with the user's type for `Self`.
pub(super) fn returned(context: &Context<'_>, method: &Method<'_>) -> Type {
    context.ty.ty(&method.returned)
}

/// Whether a type depends on a type or const parameter in scope.
pub(super) fn is_generic(context: &Context<'_>, method: &Method<'_>, ty: &Type) -> bool {
    let mut parameters = types::parameters(&context.generics);
    parameters.extend(types::parameters(&method.item.sig.generics));
    types::find(ty.to_token_stream(), &parameters).is_some()
}
