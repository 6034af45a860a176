//! The user's own method: how generated code calls it, and where it stands in place.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, FnArg, Ident, ImplItem, ImplItemFn, Meta, Pat, Visibility};

use super::attributes;
use super::context::Context;
use super::fragment::path;
use super::wrapper_method;
use crate::ast::{self, CallStyle, EntryPoint, Method};
use crate::names;
use crate::plan::{Kind, MethodPlan};

/// `<UserRepo>::find(receiver, id)`: what the method returns, or its future.
pub(super) fn call(
    context: &Context<'_>,
    method: &Method<'_>,
    receiver: Option<&TokenStream>,
) -> TokenStream {
    if is_closure(context) {
        let closure = closure(method);
        return quote!((#closure)());
    }
    let path = path(context, method);
    let receiver = receiver.into_iter();
    let arguments = method.args.iter().map(|argument| &argument.ident);
    quote!(#path(#(#receiver,)* #(#arguments),*))
}

/// A closure that makes this call.
pub(super) fn call_later(
    context: &Context<'_>,
    method: &Method<'_>,
    receiver: Option<&TokenStream>,
    captures: &TokenStream,
) -> TokenStream {
    if is_closure(context) {
        return closure(method);
    }
    let call = call(context, method, receiver);
    quote!(#captures || #call)
}

/// The same, awaited where it is a future.
pub(super) fn awaited(method: &Method<'_>, call: &TokenStream) -> TokenStream {
    if method.style == CallStyle::Async {
        quote!(#call.await)
    } else {
        quote!(#call)
    }
}

/// In place the block of a trait cannot hold a second method.
fn is_closure(context: &Context<'_>) -> bool {
    context.entry_point() == EntryPoint::InPlace && context.block.trait_.is_some()
}

// Output
//     async move || -> Option<User> { let (a, b) = __argument_0; … }
fn closure(method: &Method<'_>) -> TokenStream {
    let typed = ast::typed(method.item).zip(&method.args);
    let bound = typed.filter(|(typed, _)| !is_plain(&typed.pat));
    let bound = bound.map(|(typed, argument)| {
        let (pattern, ident) = (&typed.pat, &argument.ident);
        quote!(let #pattern = #ident;)
    });
    let statements = &method.item.block.stmts;
    let body = quote!({ #(#bound)* #(#statements)* });
    let returned = &method.returned;
    match method.style {
        CallStyle::Async => quote!(async move || -> #returned #body),
        CallStyle::Sync => quote!(move || -> #returned #body),
        CallStyle::Future => quote!(move || #body),
    }
}

fn is_plain(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(ident)
        if ident.by_ref.is_none() && ident.mutability.is_none() && ident.subpat.is_none())
}

/// Whether a generated method takes the place of the user's.
fn is_replaced(method: &MethodPlan<'_>) -> bool {
    matches!(method.kind, Kind::Cached(_) | Kind::Delegated(_))
}

// Input
//     #[cache_impl(cache = CACHE)]
//     impl User { pub async fn by_email(db: &Db, email: &str) -> Option<User> { … } }
// Output
//     impl User { async fn __uncached_by_email(db: &Db, email: &str) -> Option<User> { … } }
/// The user's block, in place: its cached methods under names that make room for ours, or with our
/// bodies where it is a trait's.
pub(super) fn block(context: &Context<'_>) -> TokenStream {
    let mut block = context.block.item.clone();
    ast::strip(&mut block);
    let mut plans = context.plan.methods.iter();
    let items = std::mem::take(&mut block.items);
    let items: Vec<_> = items
        .into_iter()
        .map(|item| match item {
            ImplItem::Fn(mut method) => {
                let plan = plans.next().expect("each method has a plan");
                if matches!(plan.kind, Kind::Refused) {
                    ast::box_recursion(&method.sig.ident, &mut method.block);
                }
                match is_replaced(plan) {
                    false => method.to_token_stream(),
                    true if is_closure(context) => {
                        wrapper_method::method(context, plan).unwrap_or_default()
                    }
                    true => renamed(method, names::uncached(plan.name()), true),
                }
            }
            other => other.to_token_stream(),
        })
        .collect();
    let syn::ItemImpl {
        attrs,
        generics,
        self_ty,
        ..
    } = &block;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let trait_ = block.trait_.as_ref().map(|(path, _)| quote!(#path for));
    let unsafety = &block.unsafety;
    quote!(#(#attrs)* #unsafety impl #impl_generics #trait_ #self_ty #where_clause { #(#items)* })
}

// Output
//     impl rate { pub async fn uncached(db: &Db, code: &str) -> Result<f64, DbError> { … } }
/// The function as the user wrote it.
pub(super) fn function(context: &Context<'_>) -> TokenStream {
    let mut block = context.block.item.clone();
    ast::strip(&mut block);
    let ty = &context.wrapper;
    let function = block.items.into_iter().find_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    });
    let function = function.expect("the block was made around a function");
    let cfgs = attributes::cfgs(&function.attrs);
    let cfgs: Vec<_> = cfgs.into_iter().cloned().collect();
    let renamed = renamed(function, names::uncached_function(), false);
    quote! {
        #(#cfgs)*
        impl #ty { #renamed }
    }
}

fn renamed(mut method: ImplItemFn, name: Ident, is_hidden: bool) -> TokenStream {
    let old = method.sig.ident.unraw().to_string();
    method
        .attrs
        .retain(|attribute| !is_documentation(attribute));
    for attribute in &mut method.attrs {
        name_span(attribute, &old);
    }
    method.sig.ident = name;
    let docs = if is_hidden {
        method.vis = Visibility::Inherited;
        quote!(#[doc(hidden)])
    } else {
        quote!(#[doc = "Runs the function, without the cache."])
    };
    quote! {
        #docs
        #[allow(
            dead_code, unreachable_pub,
            clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate
        )]
        #method
    }
}

fn is_documentation(attribute: &Attribute) -> bool {
    ["doc", "deprecated", "must_use"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

/// `#[instrument]` names a span by the function that it stands on: as the user has named that.
fn name_span(attribute: &mut Attribute, name: &str) {
    let last = attribute.path().segments.last();
    if last.is_none_or(|last| last.ident != "instrument") {
        return;
    }
    let given = match &attribute.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(_) => return,
    };
    let mut tokens = given.clone().into_iter();
    let first_is_name = match tokens.next() {
        Some(TokenTree::Literal(_)) => true,
        Some(TokenTree::Ident(first)) => first == "name",
        _ => false,
    };
    let says_name = first_is_name || contains_name(given.clone());
    if says_name {
        return;
    }
    let path = attribute.path();
    let arguments = Group::new(Delimiter::Parenthesis, quote!(name = #name, #given));
    let meta = syn::parse2(quote!(#path #arguments));
    if let Ok(meta) = meta {
        attribute.meta = meta;
    }
}

/// Whether `name = …` is among the options.
fn contains_name(options: TokenStream) -> bool {
    let tokens: Vec<_> = options.into_iter().collect();
    tokens.windows(2).any(|pair| {
        matches!(pair, [TokenTree::Ident(name), TokenTree::Punct(equals)]
            if name == "name" && equals.as_char() == '=')
    })
}

/// The arguments of a signature get the names that our bodies know them by.
pub(super) fn name_arguments(
    inputs: &mut syn::punctuated::Punctuated<FnArg, syn::Token![,]>,
    method: &Method<'_>,
) {
    let mut arguments = method.args.iter();
    for input in inputs {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                // Ours: a `self` that comes through `macro_rules!` is not the one in our bodies.
                receiver.self_token.span = proc_macro2::Span::call_site();
            }
            FnArg::Typed(typed) => {
                let argument = arguments.next().expect("each typed input is an argument");
                let ident = &argument.ident;
                typed.attrs.clear();
                typed.pat = syn::parse_quote!(#ident);
            }
        }
    }
}
