//! The tags of an entry, and those that a method invalidates.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use super::access::Access;
use super::argument;
use super::context::Context;
use crate::args::{self, MethodArgs, Tag};
use crate::ast::Method;

// Output
//     .tagged(|| Tags::new().with("user", &(user_id)).with("tenant", &(self.core.inner().tenant)))
/// Behind the constructor of a call, once its arguments are lent.
pub(super) fn of_call(
    context: &Context<'_>,
    args: &MethodArgs,
    this: &TokenStream,
) -> Option<TokenStream> {
    let tags = made(context, args, this)?;
    Some(quote!(.tagged(|| #tags)))
}

/// The same for a handle, whose arguments are only taken.
pub(super) fn of_handle(
    context: &Context<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
    this: &TokenStream,
) -> Option<TokenStream> {
    let tags = made(context, args, this)?;
    let lends = argument::lends(context, method);
    let one_of_ids = one_of_ids(method, args);
    Some(quote!(.tagged(|| { #lends #one_of_ids #tags })))
}

/// In a batch method the name of its ids stands for one of them.
pub(super) fn one_of_ids(method: &Method<'_>, args: &MethodArgs) -> Option<TokenStream> {
    let ids = &args.batch.as_ref()?.0;
    let mut arguments = method.args.iter();
    let is_named = arguments.any(|argument| argument.ident == *ids);
    let id = method.args.iter().find(|argument| argument.ident == "id");
    let id = &id.filter(|_| !is_named)?.ident;
    Some(quote!(#[allow(unused_variables)] let #ids = &#id;))
}

/// The same for the items of a batch: `id` is what one of them is called in the key.
pub(super) fn of_items(
    context: &Context<'_>,
    args: &MethodArgs,
    this: &TokenStream,
    id: &syn::Ident,
) -> Option<TokenStream> {
    let tags = made(context, args, this)?;
    let one = args.batch.as_ref().map_or(id, |ids| &ids.0);
    Some(quote!(.tagged(|#one| { let _ = #one; #tags })))
}

fn made(context: &Context<'_>, args: &MethodArgs, this: &TokenStream) -> Option<TokenStream> {
    let krate = &context.krate;
    let tags = args::effective_tags(&context.block.args, args);
    let each: Vec<_> = tags
        .into_iter()
        .map(|tag| {
            let (name, value, at) = (text(tag), value(context, tag, this), at(tag));
            quote_spanned!(at=> .with(#name, #value))
        })
        .collect();
    (!each.is_empty()).then(|| quote!(#krate::Tags::new() #(#each)*))
}

/// All that says which tags the entries of a method have, for its fingerprint; `None` where they have none.
pub(super) fn tokens(context: &Context<'_>, args: &MethodArgs) -> Option<TokenStream> {
    let mut tags: Vec<_> = args::effective_tags(&context.block.args, args)
        .into_iter()
        .map(|tag| (text(tag), tag.value.to_token_stream()))
        .collect();
    tags.sort_by(|(one, _), (other, _)| one.cmp(other));
    let of_value = args.tags_fn.as_ref().map(|tags_fn| &tags_fn.0);
    let is_any = !tags.is_empty() || of_value.is_some();
    let tags = tags.iter().map(|(name, value)| quote!(#name = #value));
    is_any.then(|| quote!(tags(#(#tags),*) #of_value))
}

/// The names of a method's tags.
pub(super) fn names(context: &Context<'_>, args: &MethodArgs) -> Vec<String> {
    let tags = args::effective_tags(&context.block.args, args);
    tags.into_iter().map(text).collect()
}

// Output
//     Invalidation::of_tag(self.core.engine(), "user", &(id))
/// The entries of a tag that a method invalidates.
pub(super) fn invalidation(context: &Context<'_>, tag: &Tag, access: &Access) -> TokenStream {
    let (private, engine) = (&context.private, &access.engine);
    let (name, value, at) = (text(tag), value(context, tag, &access.this()), at(tag));
    quote_spanned!(at=> #private::Invalidation::of_tag(#engine, #name, #value))
}

fn value(context: &Context<'_>, tag: &Tag, this: &TokenStream) -> TokenStream {
    let at = at(tag);
    let value = context.ty.expression(tag.value.to_token_stream(), this);
    quote_spanned!(at=> &(#value))
}

fn text(tag: &Tag) -> String {
    tag.name.unraw().to_string()
}

fn at(tag: &Tag) -> Span {
    Span::mixed_site().located_at(tag.value.span())
}
