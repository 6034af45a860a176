//! The attributes that generated items take over from the user's.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Meta, Path};

/// What a user says of a method in documentation, to callers and to lints; everything else stays
/// where it is.
const CARRIED: [&str; 4] = ["cfg", "doc", "deprecated", "must_use"];
const LINTS: [&str; 3] = ["allow", "warn", "deny"];

pub(super) fn cfgs(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect()
}

/// What a method of the wrapper has as the user's method has it.
pub(super) fn carried(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    let is_carried = |attribute: &&Attribute| is_one_of(attribute.path(), &CARRIED);
    attributes.iter().filter(is_carried)
}

/// The user's word to lints, for whatever has the names of the method and of its arguments.
pub(super) fn lint_levels(attributes: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            // An expectation that the user's body meets, ours does not meet again.
            Meta::List(list) if list.path.is_ident("expect") => {
                let lints = &list.tokens;
                Some(quote!(#[allow(#lints)]))
            }
            meta if is_one_of(meta.path(), &LINTS) => Some(quote!(#attribute)),
            _ => None,
        })
}

fn is_one_of(path: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| path.is_ident(name))
}
