//! Rules for `stale` and `early`: a refresh runs in the background, and outlives the call that started it.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Error, Lifetime, Type, TypeReference};

use super::error::at;
use crate::args::{self, BlockArgs, MethodArgs};
use crate::ast::{Arg, Block, Method};
use crate::types;

const OUTLIVES: &str = "with `stale` or `early` the refresh outlives the call";

/// What is wrong with the options of a method together with those of its block.
pub(crate) fn options(block: &BlockArgs, method: &MethodArgs) -> Option<Error> {
    args::soft_timeout_alone(
        method.soft_timeout.as_ref(),
        method.stale.as_ref().or(block.stale.as_ref()),
    )
}

/// What is wrong with what a method takes and gives, if its refresh outlives its calls.
pub(crate) fn owned(block: &Block<'_>, method: &Method<'_>, args: &MethodArgs) -> Vec<Error> {
    if !args::outlives_calls(&block.args, args) || block.owns_value() {
        return Vec::new();
    }
    let mut errors: Vec<_> = method
        .args
        .iter()
        .filter_map(|one| argument(method, one))
        .collect();
    if let Some(borrowed) = borrowed(&method.returned) {
        errors.push(at(
            &borrowed,
            format!("{OUTLIVES}: return owned types, without references"),
        ));
    }
    errors
}

/// A refresh needs the value at the same time as its owner.
pub(crate) fn refreshed_owner(block: &Block<'_>, method: &MethodArgs) -> Option<Error> {
    let said = args::outliving(&block.args, method).filter(|_| block.owns_value())?;
    Some(Error::new(
        said,
        "`stale` and `early` run a method in the background, and a wrapper of `&mut self` methods lends its value to one call \
         at a time; remove this option",
    ))
}

/// What is wrong with a whole block, if the refresh of one of its methods outlives calls.
pub(crate) fn outlived(block: &Block<'_>) -> Option<Error> {
    if let Some(borrowed) = borrowed(block.ty) {
        return Some(at(
            &borrowed,
            format!("{OUTLIVES}: the type must own what it holds"),
        ));
    }
    let local = block.item.attrs.iter().find(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "async_trait")
            && attribute.meta.to_token_stream().to_string().contains('?')
    })?;
    Some(at(
        local,
        format!(
            "{OUTLIVES}, so its future must be `Send`: write `#[async_trait]`, or leave the options out"
        ),
    ))
}

fn argument(method: &Method<'_>, argument: &Arg<'_>) -> Option<Error> {
    let ty = types::peel(argument.ty);
    let conversion = method.conversion(argument).ok().flatten();
    let wrong = match conversion.filter(|found| !found.keeps_source) {
        Some(conversion) => conversion.form.targets().into_iter().find_map(borrowed),
        None => match types::lendable(ty) {
            Some(Type::ImplTrait(_) | Type::TraitObject(_)) => Some(ty.to_token_stream()),
            Some(lent) => borrowed(lent),
            None => borrowed(ty),
        },
    };
    wrong.map(|wrong| {
        at(
            &wrong,
            format!("{OUTLIVES}: take this argument as an owned type, `&T`, `&str` or `&[T]`"),
        )
    })
}

/// The first lifetime or reference in a type that is not `'static`.
fn borrowed(ty: &Type) -> Option<TokenStream> {
    struct Search(Option<TokenStream>);
    impl Visit<'_> for Search {
        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            if lifetime.ident != "static" {
                self.0.get_or_insert_with(|| lifetime.to_token_stream());
            }
        }

        fn visit_type_reference(&mut self, reference: &TypeReference) {
            let lifetime = reference.lifetime.as_ref();
            let is_static = lifetime.is_some_and(|lifetime| lifetime.ident == "static");
            if !is_static || reference.mutability.is_some() {
                self.0.get_or_insert_with(|| reference.to_token_stream());
            }
            visit::visit_type_reference(self, reference);
        }

        fn visit_type(&mut self, ty: &Type) {
            // The lifetimes of `Fn(&T)` are its own.
            if !matches!(
                ty,
                Type::TraitObject(_) | Type::FnPtr(_) | Type::ImplTrait(_)
            ) {
                visit::visit_type(self, ty);
            }
        }
    }
    let mut search = Search(None);
    search.visit_type(ty);
    search.0
}
