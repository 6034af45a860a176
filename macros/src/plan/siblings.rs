//! The other blocks of the same file. The compiler shows an attribute one block alone, so that two
//! blocks which make one wrapper would collide in a dozen places, none of which says why.
//!
//! Where the file cannot be read, as in an editor, nothing is found, and the compiler speaks.

use std::fs;

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Error, Ident, ImplItem, ItemImpl, ItemMod, Meta};

use super::{Kind, MethodPlan, Plan};
use crate::args::{self, BlockArgs, HandleName};
use crate::ast::{Block, EntryPoint, helper};
use crate::{fingerprint, names, types};

/// Another block, in the same module or function.
#[derive(Debug)]
struct Sibling {
    ty: String,
    wrapper: Ident,
    makes: bool,
    is_in_place: bool,
    cached: Vec<String>,
    methods: Vec<String>,
}

/// The others of one module or function.
#[derive(Debug, Default)]
struct Siblings {
    above: Vec<Sibling>,
    below: Vec<Sibling>,
}

/// What collides with blocks above. Afterwards nothing of this block collides with them.
pub(super) fn collisions(plan: &mut Plan<'_>) -> Vec<Error> {
    let Plan { block, methods, .. } = plan;
    let Siblings { above, below } = siblings(block);
    let mut errors = Vec::new();
    let (ty, wrapper) = (text(&block.item.self_ty), block.wrapper_name());
    let is_in_place = block.entry_point == EntryPoint::InPlace;
    let is_other = |sibling: &&Sibling| {
        let wraps_same = !is_in_place && !sibling.is_in_place && sibling.ty == ty;
        sibling.makes && (sibling.wrapper == wrapper || wraps_same)
    };
    if !block.extends()
        && let Some(other) = above.iter().find(is_other)
    {
        errors.push(made_twice(block, other));
        if is_in_place {
            block.args.handle = Some(HandleName(second(&other.wrapper)));
        } else if other.ty == ty && !other.is_in_place {
            block.args.join(&other.wrapper);
        } else {
            block.args.make(second(&other.wrapper));
        }
    }
    let wrapper = block.wrapper_name();
    let is_taken = |method: &MethodPlan<'_>| {
        let name = method.name().unraw().to_string();
        method.is_cached()
            && !has_cfg(&method.item.attrs)
            && above
                .iter()
                .any(|sibling| sibling.wrapper == wrapper && sibling.cached.contains(&name))
    };
    for method in methods {
        if is_taken(method) {
            errors.push(cached_twice(method.name(), &wrapper));
            method.kind = Kind::Refused;
        }
    }
    let joined = above.into_iter().chain(below);
    let joined = joined.filter(|sibling| !sibling.makes && sibling.wrapper == wrapper);
    plan.joined = joined.flat_map(|sibling| sibling.methods).collect();
    errors
}

fn made_twice(block: &Block<'_>, other: &Sibling) -> Error {
    let (wrapper, ty) = (&other.wrapper, &block.ty_name);
    let message = if block.entry_point == EntryPoint::InPlace {
        format!(
            "another block above makes a `{wrapper}`; give the handles of this one another name: \
             `#[cache_impl(cache = …, handle = {})]`",
            second(wrapper)
        )
    } else if other.is_in_place {
        format!(
            "another block above makes a `{wrapper}` for its handles; give this wrapper another name: \
             `#[cache_impl(wrapper = {})]`",
            second(wrapper)
        )
    } else if text(&block.item.self_ty) == other.ty {
        let extend = if *wrapper == names::wrapper(ty) {
            ""
        } else {
            ", extend"
        };
        format!(
            "another block of `{ty}` above makes its wrapper `{wrapper}`; \
             join it: `#[cache_impl(wrapper = {wrapper}{extend})]`"
        )
    } else {
        format!(
            "another block above makes a `{wrapper}`, of another type; \
             give this wrapper another name: `#[cache_impl(wrapper = {})]`",
            second(wrapper)
        )
    };
    Error::new_spanned(block.ty, message)
}

fn second(wrapper: &Ident) -> Ident {
    quote::format_ident!("{wrapper}2")
}

fn cached_twice(method: &Ident, wrapper: &Ident) -> Error {
    Error::new_spanned(
        method,
        format!(
            "another block of `{wrapper}` above caches a method `{method}`, and `entry().{method}(…)` can be of one only; \
             add `#[nocache]` to one of them, or rename it"
        ),
    )
}

fn siblings(block: &Block<'_>) -> Siblings {
    if has_cfg(&block.item.attrs) {
        return Siblings::default();
    }
    let Some(file) = file() else {
        return Siblings::default();
    };
    let mut search = SiblingSearch {
        wanted: tokens(block.item),
        scopes: vec![Vec::new()],
        found: None,
        scope_of_found: 0,
    };
    search.visit_file(&file);
    search.found.unwrap_or_default()
}

/// The file of the attribute, if there is another one in it.
fn file() -> Option<syn::File> {
    if !proc_macro::is_available() {
        return None;
    }
    let path = proc_macro::Span::call_site().local_file()?;
    let text = fs::read_to_string(path).ok()?;
    if text.matches("cache_impl").count() < 2 {
        return None;
    }
    syn::parse_file(&text).ok()
}

/// Walks down to the block that is expanded.
struct SiblingSearch {
    wanted: String,
    /// The blocks so far, for each module or function that the walk is in.
    scopes: Vec<Vec<Sibling>>,
    found: Option<Siblings>,
    /// How deep the block is; zero once the walk has left its module or function.
    scope_of_found: usize,
}

impl SiblingSearch {
    fn enter(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        inside(self);
        if self.scopes.len() == self.scope_of_found {
            self.scope_of_found = 0;
        }
        self.scopes.pop();
    }
}

impl Visit<'_> for SiblingSearch {
    fn visit_item_mod(&mut self, item: &ItemMod) {
        self.enter(|search| visit::visit_item_mod(search, item));
    }

    fn visit_block(&mut self, block: &syn::Block) {
        self.enter(|search| visit::visit_block(search, block));
    }

    fn visit_item_impl(&mut self, item: &ItemImpl) {
        let Some(args) = options(item) else {
            return visit::visit_item_impl(self, item);
        };
        let depth = self.scopes.len();
        let scope = self
            .scopes
            .last_mut()
            .expect("a file is a scope of its own");
        match &mut self.found {
            None if tokens(item) == self.wanted => {
                self.found = Some(Siblings {
                    above: std::mem::take(scope),
                    below: Vec::new(),
                });
                self.scope_of_found = depth;
            }
            _ if has_cfg(&item.attrs) => {}
            None => scope.extend(sibling(item, &args)),
            Some(found) if depth == self.scope_of_found => {
                found.below.extend(sibling(item, &args));
            }
            Some(_) => {}
        }
    }
}

fn sibling(item: &ItemImpl, args: &BlockArgs) -> Option<Sibling> {
    let by_default = names::wrapper(&types::last_segment(&item.self_ty)?.ident);
    let is_in_place = args.cache.is_some();
    let said = args
        .wrapper
        .as_ref()
        .and_then(|said| said.0.segments.last());
    let said = said.map(|said| &said.ident);
    let said = said.or(args.handle.as_ref().map(|handle| &handle.0));
    let wrapper = said.unwrap_or(&by_default).clone();
    let joins = !is_in_place && (args.extend.is_set() || (said.is_some() && wrapper == by_default));
    let is_opt_in = args.by_default.is_some();
    let methods = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) if !has_cfg(&method.attrs) => Some(method),
        _ => None,
    });
    let cached = methods.filter(|method| {
        let says = |name: &str| {
            let mut attributes = method.attrs.iter();
            attributes.any(|attribute| helper(attribute.path()) == Some(name))
        };
        let is_cached = if is_opt_in {
            says("cache")
        } else {
            !says("nocache")
        };
        method.sig.receiver().is_some() && is_cached
    });
    let all = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method.sig.ident.unraw().to_string()),
        _ => None,
    });
    Some(Sibling {
        methods: all.collect(),
        ty: text(&item.self_ty),
        wrapper,
        makes: !joins,
        is_in_place,
        cached: cached
            .map(|method| method.sig.ident.unraw().to_string())
            .collect(),
    })
}

/// What `#[cache_impl(…)]` on a block says, if it is there.
fn options(item: &ItemImpl) -> Option<BlockArgs> {
    let attribute = item.attrs.iter().find(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "cache_impl")
    })?;
    let tokens = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => proc_macro2::TokenStream::new(),
    };
    Some(args::of_block(tokens, &mut Vec::new()))
}

/// A block without its attributes, which it loses on its way to us.
fn tokens(item: &ItemImpl) -> String {
    let mut item = item.clone();
    item.attrs.clear();
    fingerprint::canonical_text(item.into_token_stream())
}

fn text(ty: &syn::Type) -> String {
    fingerprint::canonical_text(ty.to_token_stream())
}

fn has_cfg(attributes: &[Attribute]) -> bool {
    let mut attributes = attributes.iter();
    attributes.any(|attribute| attribute.path().is_ident("cfg"))
}
