//! Rules for arguments and for the attributes on them.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Error, Ident, ImplItemFn, Meta, PatType, Type};

use super::error::{at, leave_out};
use crate::ast::{self, Arg, Block, EntryPoint, Method, Obstacle};
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
            helpers(&item.sig.ident, argument, is_cached)
                .and_then(|()| no_cfg(argument))
                .err()
        })
        .collect()
}

fn helpers(method: &Ident, argument: &PatType, is_cached: bool) -> Result<(), Error> {
    let of_us = |attribute: &'_ Attribute| ast::helper(attribute.path());
    let mut helpers = argument
        .attrs
        .iter()
        .filter_map(|one| Some((one, of_us(one)?)));
    let Some((first, name)) = helpers.next() else {
        return Ok(());
    };
    if name != "cache_skip" && name != "cache_key" {
        return Err(at(
            first,
            format!(
                "`#[{name}]` belongs on a method; to leave an argument out of the key write `#[cache_skip]`"
            ),
        ));
    }
    match helpers.next() {
        Some((second, other)) if other == name => {
            return Err(at(
                second,
                format!("duplicate `#[{name}]`; keep one of them"),
            ));
        }
        Some((second, other)) => {
            return Err(at(
                second,
                format!("`#[{other}]` and `#[{name}]` contradict each other; keep one of them"),
            ));
        }
        None => {}
    }
    if name == "cache_key" {
        expression(argument, first)?;
    } else if !matches!(first.meta, Meta::Path(_)) {
        return Err(at(
            &first.meta,
            "`#[cache_skip]` takes no arguments; write `#[cache_skip]`, or `#[cache_key(…)]` to put an expression of the \
             argument into the key",
        ));
    }
    if !is_cached {
        return Err(at(
            first,
            format!("`{method}` is not cached, so `#[{name}]` has no effect; remove it"),
        ));
    }
    Ok(())
}

/// `#[cache_key(…)]` is of its argument.
fn expression(argument: &PatType, attribute: &Attribute) -> Result<(), Error> {
    let expression = ast::key(attribute)?;
    let names = ast::bindings(&argument.pat);
    let tokens = expression.to_token_stream();
    if types::find(tokens.clone(), &names).is_some() || is_formatted(tokens, &names) {
        return Ok(());
    }
    let remedy = match &names[..] {
        [name, ..] => format!(
            "use `{name}` in it, or write `#[cache_skip]` if nothing of `{name}` is to be in the key"
        ),
        [] => "give the argument a name, and use it".to_owned(),
    };
    Err(at(
        &expression,
        format!("this expression does not depend on its argument; {remedy}"),
    ))
}

/// Whether a text in the tokens has one of the names in braces: `format!("{x:.6}")`.
fn is_formatted(tokens: TokenStream, names: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Literal(text) => {
            let text = text.to_string();
            let places = text.split('{').skip(1);
            let mut placed = places.filter_map(|place| place.split(['}', ':']).next());
            placed.any(|name| names.iter().any(|known| known == name))
        }
        TokenTree::Group(group) => is_formatted(group.stream(), names),
        _ => false,
    })
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
    match method.conversion(argument) {
        Ok(None) => typed_in_key(method, &argument.ident, argument.ty),
        Ok(Some(conversion)) => {
            let mut targets = conversion.form.targets().into_iter();
            targets.try_for_each(|target| typed_in_key(method, &argument.ident, target))
        }
        Err(obstacle) => Err(not_converted(argument, &obstacle)),
    }
}

/// What `#[cache_key(…)]` reads is there in handles, too.
pub(super) fn key_of_keyed(method: &Method<'_>, argument: &Arg<'_>) -> Result<(), Error> {
    struct Search<'a>(Vec<&'a Ident>, Option<Ident>);
    impl Visit<'_> for Search<'_> {
        fn visit_expr_path(&mut self, path: &syn::ExprPath) {
            let name = path.path.get_ident();
            if let Some(name) = name.filter(|name| self.0.contains(name)) {
                self.1.get_or_insert_with(|| name.clone());
            }
        }
    }
    let skipped = method.args.iter().filter(|other| other.skipped);
    let mut search = Search(skipped.map(|other| &other.ident).collect(), None);
    if let Some(key) = argument.key.as_ref().filter(|_| !argument.skipped) {
        search.visit_expr(key);
    }
    match search.1 {
        Some(found) => Err(at(
            &found,
            format!(
                "`{found}` is skipped, so handles on entries do not have it, and it cannot be read for the key; \
                 write `#[cache_key(…)]` on `{found}`"
            ),
        )),
        None => Ok(()),
    }
}

/// In place the body of a trait's method stands in ours, and is given a value of an unknown type, as its caller's was:
/// that needs a function, which cannot use the method's generics.
pub(super) fn given_in_place(
    block: &Block<'_>,
    method: &Method<'_>,
    argument: &Arg<'_>,
) -> Result<(), Error> {
    let is_closure = block.entry_point == EntryPoint::InPlace && block.trait_.is_some();
    let conversion = method.conversion(argument).ok().flatten();
    let Some(conversion) =
        conversion.filter(|found| is_closure && !found.keeps_source && found.form.consumes())
    else {
        return Ok(());
    };
    let mut generic = types::parameters(&method.item.sig.generics);
    generic.extend(types::parameters(&block.item.generics));
    let is_plain = |ty: &&Type| {
        let is_reference = matches!(types::peel(ty), Type::Reference(_));
        let is_generic = types::find(ty.to_token_stream(), &generic).is_some();
        !is_reference && !is_generic && types::lifetimes(ty).is_empty()
    };
    if !conversion.form.borrows() && conversion.form.targets().iter().all(is_plain) {
        return Ok(());
    }
    Err(at(
        argument.ty,
        format!(
            "in the block of a trait, in place, argument `{}` can only be converted to a type without generics and \
             lifetimes; leave `cache` out, so that the block has a wrapper, or mark it `#[cache_key(…)]`",
            argument.ident
        ),
    ))
}

fn not_converted(argument: &Arg<'_>, obstacle: &Obstacle) -> Error {
    let text = format!(
        "{}: {}",
        argument.ident,
        types::text(types::peel(argument.ty))
    );
    let message = match obstacle {
        Obstacle::NeedsClone => format!(
            "argument `{text}` is consumed to make its key, and its other bounds need it; add `+ Clone`, \
             or leave the other bounds out"
        ),
        Obstacle::Shows(name) => format!(
            "what `{name}` shows of argument `{text}` would not be in the key; add `+ serde::Serialize`, \
             or write what matters of it as `#[cache_key(…)]`"
        ),
    };
    at(argument.ty, message)
}

fn typed_in_key(method: &Method<'_>, name: &Ident, ty: &Type) -> Result<(), Error> {
    let ty = types::peel(ty);
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
