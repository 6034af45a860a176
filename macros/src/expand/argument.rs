//! Arguments that are converted: what they become, what of it is in the key, and what is passed on.
//!
//! A conversion has two steps, since what it borrows from has to live somewhere: `taken` gives a value of its own, and
//! `lent` borrows from that. A call takes, lends, writes its key, and passes on what was lent. A handle takes, and lends
//! twice: for its key, and for its execution.

mod steps;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Ident, Pat, PatIdent, Type};

use super::context::Context;
use crate::ast::{Arg, Conversion, Environment, Form, Method};
use crate::{names, types};
use steps::{Source, lent, opaque, own, shown, taken, type_of};

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
        let is_kept = context.original_is_closure() && !found.form.consumes();
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
pub(super) fn borrowing(pattern: &Pat) -> Pat {
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

/// Its name, with errors of the compiler at its type.
fn located(argument: &Arg<'_>) -> Ident {
    let (at, _) = types::ends(argument.ty);
    let mut ident = argument.ident.clone();
    ident.set_span(ident.span().located_at(at));
    ident
}
