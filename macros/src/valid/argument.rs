//! Rules for arguments and for the attributes on them.

use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Error, Ident, ImplItemFn, Meta, PatType, Type};

use super::error::{at, leave_out};
use crate::ast::{self, Arg, Method};
use crate::types;

/// Sets that iterate in random order: serde writes them as they come.
const UNORDERED: [&str; 3] = ["HashSet", "AHashSet", "FxHashSet"];

/// Attributes that are evaluated after us would be overlooked.
pub(crate) fn no_late_helpers(item: &ImplItemFn) -> Result<(), Error> {
    let of_arguments = ast::typed(item).flat_map(|argument| &argument.attrs);
    for attribute in item.attrs.iter().chain(of_arguments) {
        if let Some(late) = ast::late(attribute) {
            return Err(at(
                attribute,
                format!(
                    "`{late}` inside `cfg_attr` is not supported here because it is evaluated too late; \
                     write two versions, each with `#[cfg(…)]` above it"
                ),
            ));
        }
    }
    Ok(())
}

/// The attributes on arguments.
pub(crate) fn arguments(item: &ImplItemFn, is_cached: bool) -> Vec<Error> {
    ast::typed(item)
        .filter_map(|argument| {
            skips(&item.sig.ident, argument, is_cached)
                .and_then(|()| no_cfg(argument))
                .err()
        })
        .collect()
}

fn skips(method: &Ident, argument: &PatType, is_cached: bool) -> Result<(), Error> {
    let is_helper = |attribute: &&Attribute| ast::helper(attribute.path()).is_some();
    let mut helpers = argument.attrs.iter().filter(is_helper);
    let Some(first) = helpers.next() else {
        return Ok(());
    };
    match ast::helper(first.path()) {
        Some(name) if name != "cache_skip" => {
            return Err(at(
                first,
                format!(
                    "`#[{name}]` belongs on a method; to leave an argument out of the key write `#[cache_skip]`"
                ),
            ));
        }
        _ => {}
    }
    if let Some(second) = helpers.next() {
        return Err(at(second, "duplicate `#[cache_skip]`; keep one of them"));
    }
    if !matches!(first.meta, Meta::Path(_)) {
        return Err(at(
            &first.meta,
            "`#[cache_skip]` takes no arguments; write `#[cache_skip]`",
        ));
    }
    if !is_cached {
        return Err(at(
            first,
            format!("`{method}` is not cached, so `#[cache_skip]` has no effect; remove it"),
        ));
    }
    Ok(())
}

fn no_cfg(argument: &PatType) -> Result<(), Error> {
    let mut attributes = argument.attrs.iter();
    match attributes.find(|attribute| attribute.path().is_ident("cfg")) {
        Some(cfg) => Err(at(
            cfg,
            "`#[cfg]` on an argument is not supported here; write two versions, each with `#[cfg(…)]` above it",
        )),
        None => Ok(()),
    }
}

/// Whether an argument can be part of the key, as far as its type says by itself.
pub(super) fn in_key(method: &Method<'_>, argument: &Arg<'_>) -> Result<(), Error> {
    let (name, ty) = (&argument.ident, types::peel(argument.ty));
    let text = || format!("{name}: {}", types::text(ty));
    let element = match ty {
        Type::Reference(reference) if reference.mutability.is_some() => {
            return Err(at(
                ty,
                format!(
                    "`&mut` argument `{name}` may be written to, and a hit would skip that; {}, or mark it `#[cache_skip]` \
                     if it is only the way to the data, such as a connection",
                    leave_out(method)
                ),
            ));
        }
        Type::Reference(reference) => types::peel(&reference.elem),
        other => other,
    };
    match element {
        Type::ImplTrait(found) if !found.to_token_stream().to_string().contains("Serialize") => {
            Err(at(
                ty,
                format!(
                    "argument `{}` has no `Serialize` bound, so it cannot be part of the key; \
                     add `+ serde::Serialize`, use a concrete type, or mark it `#[cache_skip]`",
                    text()
                ),
            ))
        }
        Type::TraitObject(_) | Type::FnPtr(_) | Type::Ptr(_) => Err(at(
            ty,
            format!(
                "argument `{}` has no value that could be part of the key; \
                 mark it `#[cache_skip]`, or {}",
                text(),
                leave_out(method)
            ),
        )),
        _ => ordered(name, ty),
    }
}

fn ordered(name: &Ident, ty: &Type) -> Result<(), Error> {
    struct Search(Option<Ident>);
    impl Visit<'_> for Search {
        fn visit_path_segment(&mut self, segment: &syn::PathSegment) {
            if UNORDERED.iter().any(|set| segment.ident == set) {
                self.0.get_or_insert(segment.ident.clone());
            }
            visit::visit_path_segment(self, segment);
        }
    }
    let mut search = Search(None);
    search.visit_type(ty);
    match search.0 {
        Some(set) => Err(at(
            &set,
            format!(
                "`{set}` iterates in random order, so equal sets would give different keys; \
                 use `BTreeSet`, or mark `{name}` `#[cache_skip]`"
            ),
        )),
        None => Ok(()),
    }
}
