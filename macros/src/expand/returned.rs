//! Checks of return types that only the compiler can make, since it alone knows the type.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Lifetime, Type};

use super::attributes::{self, cfgs};
use super::context::Context;
use super::fragment::{self, is_generic};
use crate::ast::Method;
use crate::{types, valid};

pub(super) fn assertions(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let cached = methods.filter(|method| method.is_cached());
    cached
        .filter(|method| !is_generic(context, method, &fragment::returned(context, method)))
        .map(|method| something(context, method))
        .collect()
}

// `DbResult<()>` and `DeleteResult` are seen to hold nothing by their type, not by their name.
//
// Output
//     const _: () = assert!(!Probe::<DeleteResult>::IS_NOTHING, "`delete` returns no value, …");
fn something(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let private = &context.private;
    let returned = fragment::returned(context, method);
    let returned = types::with_lifetime(&returned, &syn::parse_quote!('static), false);
    let message = valid::nothing(method);
    let cfgs = cfgs(&context.block.item.attrs).into_iter();
    let cfgs = cfgs.chain(attributes::cfgs(&method.item.attrs));
    let (first, last) = types::ends(&method.returned);
    let condition = quote_spanned!(last=> (
        !{
            use #private::PlainProbe as _;
            <#private::Probe<#returned>>::IS_NOTHING
        },
        #message
    ));
    let assertion = quote_spanned!(first=> ::core::assert! #condition);
    quote! {
        #(#cfgs)*
        const _: () = #assertion;
    }
}

// Output, in the body of the method
//     owning::<OwnsIs<{ Lent::<fn(&()) -> Page>::OWNS }>>();
/// Refuses a type that hides a lifetime: `Page` for `Page<'_>`. It stands ahead of the call, whose own
/// error would only be that something is not general enough.
pub(super) fn owning(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let private = &context.private;
    let returned = fragment::returned(context, method);
    if is_generic(context, method, &returned) {
        return TokenStream::new();
    }
    let returned = types::with_lifetime(&returned, &syn::parse_quote!('static), false);
    let (first, last) = types::ends(&method.returned);
    // The compiler points at the path from end to end.
    let private = at(private, first);
    let answer = quote_spanned!(last=> OwnsIs<{
        use #private::PlainLent as _;
        <#private::Lent<fn(&()) -> #returned>>::OWNS
    }>);
    quote_spanned!(first=> #private::owning::<#private::#answer>();)
}

// Output
//     named_as::<ReturnTypeOf<true>, _>(shape);
/// Proves that the name of a generic type has said what it is.
pub(super) fn named(
    context: &Context<'_>,
    method: &Method<'_>,
    said: &TokenStream,
) -> Option<TokenStream> {
    let private = &context.private;
    if !is_generic(context, method, &fragment::returned(context, method)) {
        return None;
    }
    let found = fragment::shape(context, method);
    let (first, last) = types::ends(&method.returned);
    let argument = quote_spanned!(last=> (#found));
    Some(quote_spanned!(first=> #private::named_as::<#said, _> #argument;))
}

/// A type in a place where no lifetime may be left out: `ReturnedBy<fn(&'__entry ()) -> Page>`.
pub(super) fn spelled(context: &Context<'_>, returned: &Type, lifetime: &Lifetime) -> TokenStream {
    let private = &context.private;
    quote!(#private::ReturnedBy<fn(&#lifetime ()) -> #returned>)
}

fn at(tokens: &TokenStream, place: Span) -> TokenStream {
    let each = tokens.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(place));
        token
    });
    each.collect()
}
