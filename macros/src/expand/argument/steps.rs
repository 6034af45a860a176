//! The steps of a conversion, as expressions.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;

use super::located;
use crate::ast::{Arg, Form};
use crate::expand::context::Context;
use crate::{names, types};

/// What is known of it in the user's body.
pub(super) fn opaque(form: &Form) -> Type {
    match form {
        Form::Borrowed(ty) => syn::parse_quote!(impl ::core::convert::AsRef<#ty>),
        Form::Text => syn::parse_quote!(impl ::std::string::ToString),
        Form::Into(ty) => syn::parse_quote!(impl ::core::convert::Into<#ty>),
        // With all that the iterator of a `Vec` can do.
        Form::Items { item, form: None } => syn::parse_quote!(
            impl ::core::iter::IntoIterator<Item = #item, IntoIter = ::std::vec::IntoIter<#item>>
        ),
        Form::Items {
            form: Some(form), ..
        } => {
            let item = opaque(form);
            syn::parse_quote!(impl ::core::iter::IntoIterator<Item = #item>)
        }
        Form::Optional(form) => {
            let inner = opaque(form);
            syn::parse_quote!(::core::option::Option<#inner>)
        }
        Form::Lent(form) => opaque(form),
    }
}

/// The type once it is taken.
pub(super) fn type_of(form: &Form, given: &Type) -> Type {
    match form {
        Form::Borrowed(_) => given.clone(),
        Form::Text => syn::parse_quote!(::std::string::String),
        Form::Into(ty) => ty.clone(),
        Form::Items { item, form: None } => syn::parse_quote!(::std::vec::Vec<#item>),
        Form::Items {
            item,
            form: Some(form),
        } => {
            let item = type_of(form, item);
            syn::parse_quote!(::std::vec::Vec<#item>)
        }
        Form::Optional(form) => {
            let inner = types::option(types::peel(given)).unwrap_or(given);
            let inner = type_of(form, inner);
            syn::parse_quote!(::core::option::Option<#inner>)
        }
        Form::Lent(form) if form.borrows() => given.clone(),
        Form::Lent(form) => type_of(form, given),
    }
}

/// The first step, of a value; `None` where it stays as it is.
pub(super) fn taken(
    context: &Context<'_>,
    argument: &Arg<'_>,
    form: &Form,
    value: &TokenStream,
) -> Option<TokenStream> {
    let (at, _) = types::ends(argument.ty);
    let one = names::local("__one");
    Some(match form {
        Form::Borrowed(_) => return None,
        Form::Text => quote_spanned!(at=> ::std::string::ToString::to_string(&#value)),
        Form::Into(ty) => {
            let ty = context.ty.ty(ty);
            quote_spanned!(at=> ::core::convert::Into::<#ty>::into(#value))
        }
        Form::Items { form, .. } => {
            let items = quote_spanned!(at=> ::core::iter::IntoIterator::into_iter(#value));
            let inner = form
                .as_ref()
                .and_then(|form| taken(context, argument, form, &quote!(#one)));
            let items = match inner {
                Some(inner) => {
                    quote_spanned!(at=> ::core::iter::Iterator::map(#items, |#one| #inner))
                }
                None => items,
            };
            quote_spanned!(at=> ::core::iter::Iterator::collect::<::std::vec::Vec<_>>(#items))
        }
        Form::Optional(form) => {
            let inner = taken(context, argument, form, &quote!(#one))?;
            quote_spanned!(at=> ::core::option::Option::map(#value, |#one| #inner))
        }
        // Of the value behind the reference, which may have no size.
        Form::Lent(form) => return taken(context, argument, form, &quote!(*#value)),
    })
}

/// From what the second step borrows.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Taken,
    /// What `ToOwnedArg` has made of it.
    Owned,
}

/// The second step, of a reference to a value; `None` where there is nothing to borrow.
pub(super) fn lent(
    context: &Context<'_>,
    argument: &Arg<'_>,
    form: &Form,
    value: &TokenStream,
    source: Source,
) -> Option<TokenStream> {
    if !form.borrows() {
        return None;
    }
    let (at, _) = types::ends(argument.ty);
    let one = names::local("__one");
    Some(match form {
        Form::Borrowed(ty) => {
            let ty = context.ty.ty(ty);
            match source {
                Source::Taken => quote_spanned!(at=> ::core::convert::AsRef::<#ty>::as_ref(#value)),
                Source::Owned => quote_spanned!(at=> ::core::borrow::Borrow::<#ty>::borrow(#value)),
            }
        }
        Form::Text | Form::Into(_) | Form::Items { form: None, .. } => return None,
        Form::Items {
            form: Some(form), ..
        } => {
            let inner = lent(context, argument, form, &quote!(#one), source)?;
            let items = quote_spanned!(at=> ::core::iter::Iterator::map(<[_]>::iter(#value), |#one| #inner));
            quote_spanned!(at=> ::core::iter::Iterator::collect::<::std::vec::Vec<_>>(#items))
        }
        Form::Optional(form) => {
            let inner = lent(context, argument, form, &quote!(#one), source)?;
            quote_spanned!(at=> ::core::option::Option::map(::core::option::Option::as_ref(#value), |#one| #inner))
        }
        Form::Lent(form) => {
            let value = match source {
                Source::Taken => quote!(*#value),
                Source::Owned => value.clone(),
            };
            return lent(context, argument, form, &value, source);
        }
    })
}

/// An owned value of what was lent, or of what was taken: of a reference to it.
pub(super) fn own(
    context: &Context<'_>,
    argument: &Arg<'_>,
    form: &Form,
    value: &TokenStream,
) -> TokenStream {
    let (at, _) = types::ends(argument.ty);
    let (private, one) = (&context.private, names::local("__one"));
    match form {
        Form::Lent(form) => own(context, argument, form, &quote!(*#value)),
        Form::Borrowed(_) => quote_spanned!(at=> #private::ToOwnedArg::to_owned_arg(*#value)),
        Form::Optional(form) if form.borrows() => {
            let inner = own(context, argument, form, &quote!(#one));
            quote_spanned!(at=> ::core::option::Option::map(::core::option::Option::as_ref(#value), |#one| #inner))
        }
        Form::Items {
            form: Some(form), ..
        } if form.borrows() => {
            let inner = own(context, argument, form, &quote!(#one));
            let items = quote_spanned!(at=> ::core::iter::Iterator::map(<[_]>::iter(#value), |#one| #inner));
            quote_spanned!(at=> ::core::iter::Iterator::collect::<::std::vec::Vec<_>>(#items))
        }
        _ => quote_spanned!(at=> #private::ToOwnedArg::to_owned_arg(#value)),
    }
}

/// What an argument that stays as it is shows of itself: a value for the key alone.
pub(super) fn shown(context: &Context<'_>, argument: &Arg<'_>, form: &Form) -> TokenStream {
    let ident = located(argument);
    let (at, _) = types::ends(argument.ty);
    if form.borrows() {
        let lent = lent(context, argument, form, &quote!(&#ident), Source::Taken);
        return lent.unwrap_or_else(|| quote!(#ident));
    }
    let one = names::local("__one");
    match form {
        Form::Text => quote_spanned!(at=> ::std::string::ToString::to_string(&#ident)),
        Form::Lent(_) => quote_spanned!(at=> ::std::string::ToString::to_string(&*#ident)),
        Form::Optional(inner) if matches!(**inner, Form::Text) => quote_spanned!(at=>
            ::core::option::Option::map(
                ::core::option::Option::as_ref(&#ident),
                |#one| ::std::string::ToString::to_string(#one),
            )
        ),
        _ => {
            let copy = quote_spanned!(at=> ::core::clone::Clone::clone(&#ident));
            let taken = taken(context, argument, form, &copy);
            taken.unwrap_or(copy)
        }
    }
}
