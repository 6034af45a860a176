//! Rules for a whole block.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Error, Ident, ImplItem, Item, ItemImpl, LitStr, PathArguments, ReturnType};

use super::error::at;
use crate::ast::{Block, Method};
use crate::types;

pub(crate) fn not_a_block(item: &Item) -> Error {
    let (token, hint) = match item {
        Item::Trait(item) => (
            item.trait_token.to_token_stream(),
            "put it on the `impl Trait for Type` block",
        ),
        Item::Struct(item) => (
            item.struct_token.to_token_stream(),
            "put it on the `impl` block of the struct",
        ),
        Item::Enum(item) => (
            item.enum_token.to_token_stream(),
            "put it on the `impl` block of the enum",
        ),
        Item::Mod(item) => (
            item.mod_token.to_token_stream(),
            "put it on the `impl` blocks inside the module",
        ),
        Item::Fn(item) => (
            item.sig.fn_token.to_token_stream(),
            "write `#[cache_fn(cache = …)]` on a function",
        ),
        other => (other.to_token_stream(), "it caches the methods of a type"),
    };
    at(
        &token,
        format!("`#[cache_impl]` must be placed on an `impl` block; {hint}"),
    )
}

pub(crate) fn block(item: &ItemImpl) -> Result<(), Error> {
    let modifiers = &item.modifiers;
    if let Some(polarity) = &modifiers.polarity {
        return Err(at(
            polarity,
            "negative impls have no methods; remove `#[cache_impl]`",
        ));
    }
    if let Some(unsafety) = &item.unsafety {
        return Err(at(
            unsafety,
            "`unsafe impl` cannot be cached automatically; write the wrapper yourself",
        ));
    }
    if let Some(defaultness) = &modifiers.defaultness {
        return Err(at(
            defaultness,
            "`default impl` cannot be cached; remove `default`",
        ));
    }
    if is_expanded(item) {
        return Err(Error::new(
            Span::call_site(),
            "`#[cache_impl]` must be placed above `#[async_trait]`; exchange the two attributes",
        ));
    }
    Ok(())
}

/// What `#[async_trait]` leaves behind, if it was first. The lifetime alone may be in the source,
/// and the names inside it may not.
fn is_expanded(item: &ItemImpl) -> bool {
    let is_below = item.attrs.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "async_trait")
    });
    let inside = ["__ret", "__self"].map(|name| Ident::new(name, Span::call_site()));
    let mut methods = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    !is_below
        && methods.any(|method| {
            let mut lifetimes = method.sig.generics.lifetimes();
            lifetimes.any(|param| param.lifetime.ident == "async_trait")
                && types::find(method.block.to_token_stream(), &inside).is_some()
        })
}

/// A type of the standard library around one of the user's: there can be no `impl` of ours for it.
pub(crate) fn own_type(block: &Block<'_>) -> Result<(), Error> {
    const FOREIGN: [&str; 9] = [
        "Arc", "BTreeMap", "HashMap", "Mutex", "Option", "Rc", "RwLock", "Vec", "VecDeque",
    ];
    let Some(last) = types::last_segment(block.ty) else {
        return Ok(());
    };
    let inner = types::arguments(last).into_iter().next();
    let (true, Some(inner)) = (FOREIGN.iter().any(|name| last.ident == name), inner) else {
        return Ok(());
    };
    let (text, inner) = (types::text(block.ty), types::text(inner));
    let hint = if last.ident == "Arc" {
        format!("put it on a block for `{inner}`, and call `.cached(&cache)` on the `{text}`")
    } else {
        format!("put it on a block for a struct of yours that holds the `{text}`")
    };
    Err(at(
        &block.ty,
        format!("`{text}` is a type of another crate, so it cannot have a wrapper here; {hint}"),
    ))
}

/// A wrapper that this block makes is made here, under a plain name.
pub(crate) fn wrapper(block: &Block<'_>) -> Result<(), Error> {
    let Some(wrapper) = block.args.wrapper.as_ref().filter(|_| !block.extends()) else {
        return Ok(());
    };
    let segments = &wrapper.0.segments;
    if segments.len() == 1 && matches!(segments[0].arguments, PathArguments::None) {
        return Ok(());
    }
    Err(at(
        &wrapper.0,
        "`wrapper` must be a plain name where the wrapper is made; add `extend` if another block makes it",
    ))
}

pub(crate) fn unknown_item(item: &ImplItem, wrapper: &Ident) -> Error {
    match item {
        ImplItem::Macro(call) => at(
            &call.mac.path,
            format!(
                "macros inside a `#[cache_impl]` block are expanded later, so methods they define would be \
                 missing from `{wrapper}`; move them to another `impl` block"
            ),
        ),
        other => at(
            other,
            "this item is not understood by `#[cache_impl]`; move it to another `impl` block",
        ),
    }
}

pub(crate) fn nothing_cached(block: &Block<'_>) -> Error {
    let remedy = if block.is_cached_by_default() {
        "remove a `#[nocache]`"
    } else {
        "mark a method with `#[cache]`"
    };
    Error::new(
        Span::call_site(),
        format!(
            "no method in this `impl` block is cached, so `#[cache_impl]` has nothing to do; remove it, or {remedy}"
        ),
    )
}

/// A trait's signature cannot be kept where the same word means another type.
pub(crate) fn forwardable(method: &Method<'_>, wrapper: &Ident) -> Result<(), Error> {
    struct Search(Option<Ident>);
    impl Visit<'_> for Search {
        fn visit_type_path(&mut self, path: &syn::TypePath) {
            if path.qself.is_none() && path.path.is_ident("Self") {
                self.0 = path.path.get_ident().cloned();
            }
            visit::visit_type_path(self, path);
        }
    }
    let mut search = Search(None);
    for argument in &method.args {
        search.visit_type(argument.ty);
    }
    if let ReturnType::Type(_, ty) = &method.item.sig.output {
        search.visit_type(ty);
    }
    match search.0 {
        Some(found) => Err(at(
            &found,
            format!(
                "`Self` in `{}` would be `{wrapper}`, so it cannot be forwarded; \
                 move it to another trait, or implement the trait for `{wrapper}` yourself",
                method.name()
            ),
        )),
        None => Ok(()),
    }
}

/// Two methods of a block with one name in keys.
pub(crate) fn named_twice(name: &LitStr, first: &Ident) -> Error {
    at(
        name,
        format!(
            "`{first}` has this name too, and each would be given values of the other; give each method a name of its own"
        ),
    )
}
