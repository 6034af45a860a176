//! Arguments that are converted: what they become, what of it is in the key, and what is passed on.
//!
//! A conversion has two steps, since what it borrows from has to live somewhere: `taken` gives a value of its own, and
//! `lent` borrows from that. A call takes, lends, writes its key, and passes on what was lent. A handle takes, and lends
//! twice: for its key, and for its execution.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Ident, Pat, PatIdent, Type};

use super::context::Context;
use super::original;
use crate::ast::{Arg, Conversion, Environment, Form, Method};
use crate::{names, types};

/// The conversions of a method, of which nothing but the result is passed on.
fn conversions<'m>(
    context: &Context<'_>,
    method: &'m Method<'_>,
) -> impl Iterator<Item = (&'m Arg<'m>, Conversion)> {
    let each = method.args.iter();
    each.filter_map(|argument| Some((argument, replacing(context, method, argument)?)))
}

fn replacing(context: &Context<'_>, method: &Method<'_>, argument: &Arg<'_>) -> Option<Conversion> {
    let conversion = method.conversion(argument).ok().flatten();
    conversion.filter(|found| {
        // The user's own body, in a closure, needs what the caller gave: it may not know another type.
        let is_kept = original::is_closure(context) && !found.form.consumes();
        !found.keeps_source && !is_kept
    })
}

// Output
//     let name = Into::<String>::into(name);
pub(super) fn takes(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let each = conversions(context, method).filter_map(|(argument, conversion)| {
        let ident = located(argument);
        let taken = taken(context, argument, &conversion.form, &quote!(#ident))?;
        let ident = &argument.ident;
        Some(quote!(let #ident = #taken;))
    });
    each.collect()
}

// Output
//     let name = AsRef::<str>::as_ref(&name);
pub(super) fn lends(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let each = conversions(context, method).filter_map(|(argument, conversion)| {
        let ident = located(argument);
        let lent = lent(
            context,
            argument,
            &conversion.form,
            &quote!(&#ident),
            Source::Taken,
        );
        let lent = match conversion.form {
            Form::Lent(_) => {
                let lent = lent.unwrap_or_else(|| quote!(#ident));
                quote!(&#lent)
            }
            _ => lent?,
        };
        let ident = &argument.ident;
        Some(quote!(let #ident = #lent;))
    });
    each.collect()
}

/// What an argument adds to the key.
pub(super) fn key_part(
    context: &Context<'_>,
    method: &Method<'_>,
    argument: &Arg<'_>,
    inner: &TokenStream,
    writer: &Ident,
) -> TokenStream {
    let ident = &argument.ident;
    // Errors of the compiler about an argument point at the whole of its type.
    let (first, last) = types::ends(argument.ty);
    if argument.key.is_some() {
        return expression(context, argument, inner, writer);
    }
    let part = quote_spanned!(last=> (#ident));
    match method.conversion(argument).ok().flatten() {
        Some(conversion) if replacing(context, method, argument).is_none() => {
            let shown = shown(context, argument, &conversion.form);
            let is_named = !types::is_opaque(argument.ty);
            let with_type = (conversion.counts_type && !is_named)
                .then(|| quote!(#writer.add_type_of(&#ident);));
            quote_spanned!(first=> #with_type #writer.add(&(#shown));)
        }
        // The items alone are of a type that only the caller names.
        Some(conversion)
            if conversion
                .form
                .targets()
                .iter()
                .any(|ty| types::is_opaque(ty)) =>
        {
            quote_spanned!(first=> #writer.add_with_type(&#part);)
        }
        None if types::is_opaque(argument.ty) => {
            quote_spanned!(first=> #writer.add_with_type(&#part);)
        }
        _ => quote_spanned!(first=> #writer.add(&#part);),
    }
}

// Output
//     { let Path(id) = &__argument_0; writer.add(&(id)); }
fn expression(
    context: &Context<'_>,
    argument: &Arg<'_>,
    inner: &TokenStream,
    writer: &Ident,
) -> TokenStream {
    let expression = argument.key.to_token_stream();
    let span = Span::mixed_site().located_at(expression.span());
    let expression = context.ty.expression(expression, inner);
    let part = quote_spanned!(span=> #writer.add(&(#expression)););
    if matches!(argument.pat, Pat::Ident(found) if found.ident == argument.ident) {
        return part;
    }
    let (pattern, ident) = (borrowing(argument.pat), &argument.ident);
    quote! {
        {
            #[allow(unused_variables)]
            let #pattern = &#ident;
            #part
        }
    }
}

/// A pattern that borrows, where it would have moved.
fn borrowing(pattern: &Pat) -> Pat {
    struct Borrow;
    impl VisitMut for Borrow {
        fn visit_pat_ident_mut(&mut self, found: &mut PatIdent) {
            (found.by_ref, found.mutability) = (None, None);
            visit_mut::visit_pat_ident_mut(self, found);
        }
    }
    let mut pattern = pattern.clone();
    Borrow.visit_pat_mut(&mut pattern);
    pattern
}

/// An owned value of an argument, for an execution that outlives its call; `None` where it is not converted.
pub(super) fn owned(
    context: &Context<'_>,
    method: &Method<'_>,
    argument: &Arg<'_>,
) -> Option<TokenStream> {
    let conversion = replacing(context, method, argument)?;
    let ident = located(argument);
    let owned = own(context, argument, &conversion.form, &quote!(&#ident));
    let ident = &argument.ident;
    Some(quote!(let #ident = #owned;))
}

/// What that execution passes on of the owned value.
pub(super) fn lent_again(
    context: &Context<'_>,
    method: &Method<'_>,
    argument: &Arg<'_>,
) -> Option<TokenStream> {
    let conversion = replacing(context, method, argument)?;
    let ident = located(argument);
    let lent = lent(
        context,
        argument,
        &conversion.form,
        &quote!(&#ident),
        Source::Owned,
    );
    let value = lent.unwrap_or_else(|| quote!(#ident));
    Some(match conversion.form {
        Form::Lent(_) => quote!(&#value),
        _ => value,
    })
}

// Output
//     let name = { fn given(value: String) -> impl Into<String> { value } given(name) };
/// In a closure with the user's own body: what was taken, of a type that is known by its bound alone, as there.
pub(super) fn given(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let (given, value) = (names::local("__given"), names::local("__value"));
    let each = conversions(context, method).map(|(argument, conversion)| {
        let ident = &argument.ident;
        let taken = context.ty.ty(&type_of(&conversion.form, argument.ty));
        let bound = context.ty.ty(&opaque(&conversion.form));
        quote! {
            let #ident = {
                fn #given(#value: #taken) -> #bound {
                    #value
                }
                #given(#ident)
            };
        }
    });
    each.collect()
}

fn opaque(form: &Form) -> Type {
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

/// The type of an argument once it is taken, of the type that a handle gives it.
pub(super) fn taken_type(
    context: &Context<'_>,
    method: &Method<'_>,
    name: &Ident,
    named: &Type,
    env: &Environment,
) -> Type {
    let mut arguments = method.args.iter();
    let argument = arguments.find(|argument| argument.ident == *name);
    let conversion = argument.and_then(|argument| replacing(context, method, argument));
    match (conversion, env.form(named)) {
        (Some(_), Some(form)) => type_of(&form, named),
        _ => named.clone(),
    }
}

fn type_of(form: &Form, given: &Type) -> Type {
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
fn taken(
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
enum Source {
    Taken,
    /// What `ToOwnedArg` has made of it.
    Owned,
}

/// The second step, of a reference to a value; `None` where there is nothing to borrow.
fn lent(
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
fn own(context: &Context<'_>, argument: &Arg<'_>, form: &Form, value: &TokenStream) -> TokenStream {
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
fn shown(context: &Context<'_>, argument: &Arg<'_>, form: &Form) -> TokenStream {
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

/// Its name, with errors of the compiler at its type.
fn located(argument: &Arg<'_>) -> Ident {
    let (at, _) = types::ends(argument.ty);
    let mut ident = argument.ident.clone();
    ident.set_span(ident.span().located_at(at));
    ident
}
