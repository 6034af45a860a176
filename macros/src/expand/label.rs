//! The label of an entry, of the arguments as its key has them.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt as _;

use super::argument;
use super::context::Context;
use super::tags;
use crate::args::MethodArgs;
use crate::ast::{self, Method};
use crate::names;

/// Where a call and its execution meet.
pub(super) fn slot() -> Ident {
    names::local("__label")
}

// Output
//     let label = LabelSlot::new();
//     let label = &label;
/// In front of a call, where its method has a label.
pub(super) fn made(context: &Context<'_>, args: &MethodArgs) -> Option<TokenStream> {
    args.label.as_ref()?;
    let (private, slot) = (&context.private, slot());
    Some(quote! {
        let #slot = #private::LabelSlot::new();
        let #slot = &#slot;
    })
}

/// Behind the constructor of a call.
pub(super) fn of_call(args: &MethodArgs) -> Option<TokenStream> {
    args.label.as_ref()?;
    let slot = slot();
    Some(quote!(.labeled(#slot)))
}

// Output
//     label.fill(&|text| text.write_fmt(format_args!("{tenant}/{id}", tenant = tenant, id = id)));
/// In an execution, once its arguments are lent, and before they are taken.
pub(super) fn filled(method: &Method<'_>, args: &MethodArgs) -> Option<TokenStream> {
    let label = args.label.as_ref()?;
    let mut patterns = Vec::new();
    let shown = label.names.iter().filter_map(|name| {
        let (ident, pattern) = named(method, args, name)?;
        patterns.extend(pattern);
        let name = Ident::new(name, label.text.span());
        Some(quote!(#name = #ident))
    });
    let shown: Vec<_> = shown.collect();
    let (slot, text) = (slot(), &label.text);
    let at = Span::mixed_site().located_at(text.span());
    let fill = quote_spanned! {at=>
        #slot.fill(&|text| text.write_fmt(::core::format_args!(#text, #(#shown),*)));
    };
    if patterns.is_empty() {
        return Some(fill);
    }
    Some(quote!({ #(#patterns)* #fill }))
}

/// What a name in a label stands for, and the pattern that it comes from.
fn named(
    method: &Method<'_>,
    args: &MethodArgs,
    name: &str,
) -> Option<(Ident, Option<TokenStream>)> {
    // In a batch method it stands for one of the ids.
    if let Some(ids) = args.batch.as_ref().filter(|ids| ids.0.unraw() == name) {
        return Some((ids.0.clone(), None));
    }
    method.args.iter().find_map(|argument| {
        let mut bound = ast::bindings(argument.pat).into_iter();
        let bound = bound.find(|bound| bound.unraw() == name)?;
        let is_plain = argument.ident == bound;
        let pattern = (!is_plain).then(|| {
            let (pattern, ident) = (argument::borrowing(argument.pat), &argument.ident);
            quote! {
                #[allow(unused_variables)]
                let #pattern = &#ident;
            }
        });
        Some((bound, pattern))
    })
}

/// For a handle, whose arguments are only taken.
pub(super) fn of_handle(
    context: &Context<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
) -> Option<TokenStream> {
    let fill = filled(method, args)?;
    let lends = argument::lends(context, method);
    let one_of_ids = tags::one_of_ids(method, args);
    Some(quote!(#[allow(unused_variables)] { #lends #one_of_ids #fill }))
}

// Output
//     call.label(|id, label| label.fill(&|text| text.write_fmt(format_args!("{id}", id = id))));
/// The same for the items of a batch that its method runs for: `id` is what one of them is called in the key.
pub(super) fn of_items(
    method: &Method<'_>,
    args: &MethodArgs,
    call: &Ident,
    id: &Ident,
) -> Option<TokenStream> {
    let fill = filled(method, args)?;
    let one = args.batch.as_ref().map_or(id, |ids| &ids.0);
    let slot = slot();
    Some(quote!(#call.label(|#one, #slot| { let _ = #one; #fill });))
}
