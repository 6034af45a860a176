//! The user's block and function in place: with their own code under other names, or around it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Ident, ImplItem, ImplItemFn, Meta, Visibility};

use super::attributes;
use super::context::Context;
use super::wrapper_method;
use crate::plan::{Kind, MethodPlan};
use crate::{ast, names};

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
                    true if context.original_is_closure() => {
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

/// Whether a generated method takes the place of the user's.
fn is_replaced(method: &MethodPlan<'_>) -> bool {
    matches!(method.kind, Kind::Cached(_) | Kind::Delegated(_))
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
            clippy::missing_const_for_fn, clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate
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
