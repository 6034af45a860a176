//! Rules for what is cached under its own name: blocks in place, and functions.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::{Attribute, Error, Expr, Ident, Item, ItemFn, Type};

use super::error::at;
use crate::ast::{self, Block, CallStyle, EntryPoint, Method};
use crate::types;

/// Names of functions that make a value, alone or in front of `_`.
const MAKES: [&str; 4] = ["new", "from", "with", "try_new"];

/// Whether a function makes a value of its type: each call is to make one.
pub(crate) fn is_constructor(method: &Method<'_>) -> bool {
    if matches!(types::peel(&method.returned), Type::Path(path) if path.path.is_ident("Self")) {
        return true;
    }
    let name = method.name().to_string();
    let makes = MAKES.iter().any(|verb| {
        name.strip_prefix(verb)
            .is_some_and(|rest| rest.starts_with('_'))
    });
    let is_plain = ["new", "default", "builder", "try_new"].contains(&name.as_str());
    !method.has_self() && (makes || is_plain)
}

/// What is wrong with the options of a block in place.
pub(crate) fn options_in_place(block: &Block<'_>) -> Vec<Error> {
    let args = &block.args;
    let mut errors = Vec::new();
    if let Some(wrapper) = &args.wrapper {
        errors.push(at(
            &wrapper.0,
            "with `cache` the block is cached in place, without a wrapper; write `handle = …` to name the type of its handles",
        ));
    }
    if let Some(extend) = args.extend.span() {
        errors.push(Error::new(
            extend,
            "with `cache` the block is cached in place, and there is no wrapper to extend; remove `extend`",
        ));
    }
    errors
}

/// `handle` names a type that a wrapper does not have.
pub(crate) fn handle_of_wrapper(block: &Block<'_>) -> Option<Error> {
    let handle = block.args.handle.as_ref()?;
    Some(at(
        &handle.0,
        "`handle` belongs to blocks in place; write `wrapper = …` to name the wrapper, or add `cache = …`",
    ))
}

/// `&self` methods in place, where the block does not say what of `self` is in the key.
pub(crate) fn self_in_key(block: &Block<'_>, method: &Method<'_>) -> Result<(), Error> {
    let Some(receiver) = method.item.sig.receiver() else {
        return Ok(());
    };
    if block.args.self_key.is_some() {
        return Ok(());
    }
    Err(at(
        receiver,
        format!(
            "`{}` takes `&self`, and all values of the type would share its entries; say on the block what of `self` is in \
             the key, such as `self_key = self.id`, or `self_key = ()` if nothing of it matters",
            method.name()
        ),
    ))
}

/// `self_key` that goes into no key.
pub(crate) fn self_key_without_methods(block: &Block<'_>) -> Option<Error> {
    let self_key = block.args.self_key.as_ref()?;
    Some(at(
        &self_key.0,
        "no cached function of this block has a `self`, so `self_key` has no effect; remove it",
    ))
}

/// `cache = self.cache` where there is no `self`, and `cache = pool.cache` of an argument, which handles do not have.
pub(crate) fn cache_expression(block: &Block<'_>, method: &Method<'_>) -> Result<(), Error> {
    let Some(cache) = &block.args.cache else {
        return Ok(());
    };
    let tokens = cache.0.to_token_stream();
    let this = [Ident::new("self", Span::call_site())];
    if !method.has_self()
        && let Some(found) = types::find(tokens.clone(), &this)
    {
        return Err(at(
            &found,
            format!(
                "`{}` has no `self` that the cache could be found by; name a `static`, or a function that gives the cache",
                method.name()
            ),
        ));
    }
    let arguments: Vec<_> = method.args.iter().map(|one| one.ident.clone()).collect();
    let root = root(&cache.0).filter(|root| arguments.contains(root));
    match root {
        Some(found) => Err(at(
            &found,
            format!(
                "`cache` names the argument `{found}`, which handles on entries do not have; name a `static`, or a function \
                 that gives the cache"
            ),
        )),
        None => Ok(()),
    }
}

/// The variable that an expression begins with.
fn root(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Path(path) => path.path.get_ident().cloned(),
        Expr::Field(field) => root(&field.base),
        Expr::MethodCall(call) => root(&call.receiver),
        Expr::Reference(reference) => root(&reference.expr),
        Expr::Unary(unary) => root(&unary.expr),
        Expr::Paren(paren) => root(&paren.expr),
        Expr::Group(group) => root(&group.expr),
        Expr::Try(tried) => root(&tried.expr),
        _ => None,
    }
}

/// A refresh needs to run the method again, later.
pub(crate) fn refreshed_in_place(block: &Block<'_>, method: &Method<'_>) -> Option<Error> {
    if block.entry_point != EntryPoint::InPlace || block.trait_.is_none() {
        return None;
    }
    Some(at(
        method.name(),
        format!(
            "`stale` and `early` run a method in the background, and a method of a trait cannot be run so in place; leave \
             `cache` out, so that the block has a wrapper, or move what `{}` does to an inherent block",
            method.name()
        ),
    ))
}

/// What is no function.
pub(crate) fn not_a_function(item: &TokenStream) -> Error {
    let Ok(item) = syn::parse2::<Item>(item.clone()) else {
        return Error::new(
            Span::call_site(),
            "`#[cache_fn]` must be placed on a function; what a closure returns is cached by \
             `cache.function(\"name\").build()?.get_with(…)`",
        );
    };
    let (token, hint) = match &item {
        Item::Impl(item) => (
            item.impl_token.to_token_stream(),
            "write `#[cache_impl(cache = …)]` on a block",
        ),
        Item::Trait(item) => (
            item.trait_token.to_token_stream(),
            "write `#[cache_impl]` on the block that implements the trait",
        ),
        Item::Struct(item) => (
            item.struct_token.to_token_stream(),
            "write `#[cache_impl]` on an `impl` block of the struct",
        ),
        Item::Verbatim(item) => (
            item.clone(),
            "this one has no body, so write `#[cache_impl]` on the block that implements its trait",
        ),
        Item::Mod(item) => (
            item.mod_token.to_token_stream(),
            "put it on the functions inside the module",
        ),
        other => (
            other.to_token_stream(),
            "it caches what one function returns",
        ),
    };
    at(
        &token,
        format!("`#[cache_fn]` must be placed on a function; {hint}"),
    )
}

/// What cannot stand beside a function under its name, or cannot be cached without a block.
pub(crate) fn function(function: &ItemFn) -> Result<(), Error> {
    let is_ours = |attribute: &&Attribute| {
        let segments = &attribute.path().segments;
        segments.last().is_some_and(|last| last.ident == "cache_fn")
    };
    if let Some(second) = function.attrs.iter().find(is_ours) {
        return Err(at(second, "duplicate `#[cache_fn]`; keep one of them"));
    }
    if let Some(receiver) = function.sig.receiver() {
        return Err(at(
            receiver,
            "`#[cache_fn]` is for functions without `self`; write `#[cache_impl(cache = …)]` on the `impl` block",
        ));
    }
    if let Some(variadic) = &function.sig.variadic {
        return Err(at(
            variadic,
            "a variable number of arguments cannot be part of the key; remove `#[cache_fn]`",
        ));
    }
    Ok(())
}

/// Every function says which cache is its own.
pub(crate) fn without_cache() -> Error {
    Error::new(
        Span::call_site(),
        "`#[cache_fn]` needs the cache that the function is cached in: `#[cache_fn(cache = CACHE)]`, with a `static`, or a \
         function that gives the cache",
    )
}

/// The attributes of methods, on a function.
pub(crate) fn helper_on_function(attribute: &Attribute, name: &str) -> Error {
    let remedy = match name {
        "nocache" => "remove it, or `#[cache_fn]`",
        "cache" => "write the options in `#[cache_fn(…)]`",
        "updates" => "call `put` on a handle, such as `rate::entry(…)`",
        _ => "call `invalidate` on a handle, such as `rate::entry(…)`",
    };
    at(
        attribute,
        format!("`#[{name}]` belongs on methods; {remedy}"),
    )
}

/// A function whose calls are all the same, unless that is said.
pub(crate) fn keyed(method: &Method<'_>, has_version: bool) -> Option<Error> {
    let has_key = method.args.iter().any(|argument| !argument.skipped)
        || !types::parameters(&method.item.sig.generics).is_empty();
    (!has_key && !has_version).then(|| {
        at(
            method.name(),
            format!(
                "`{}` has no argument that is in the key, so all of its calls share one entry; write `version = 1` if that \
                 is meant",
                method.name()
            ),
        )
    })
}

/// `rate(code).await` in `async fn rate`: its future would contain itself.
pub(crate) fn unboxed_recursion(method: &Method<'_>) -> Option<Error> {
    if method.style != CallStyle::Async {
        return None;
    }
    let found = ast::box_recursion(method.name(), &mut method.item.block.clone())?;
    Some(at(
        &found,
        format!(
            "`{found}` calls itself, so its future would contain itself; put the inner call in a box: `Box::pin(…).await`"
        ),
    ))
}
