//! Rules for `tags(…)`: what a tag may be made of.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::{Error, Expr, Ident};

use super::error::at;
use crate::args::{self, MethodArgs, Tag};
use crate::ast::{self, Block, Method};
use crate::types;

/// What is wrong with the tags of a block by themselves: its methods have no argument in common.
pub(crate) fn tags_of_block(block: &Block<'_>) -> Vec<Error> {
    let tags = block.args.tags.iter().flat_map(|tags| &tags.all);
    let wrong = tags.filter(|tag| of_self(&tag.value).is_none());
    wrong
        .map(|Tag { name, value }| {
            at(
                value,
                format!(
                    "the tag `{name}` of a block must be made of `self`, such as `{name} = self.{name}`; one that is made of \
                     arguments belongs on the methods that have them: `#[cache(tags({name} = …))]`"
                ),
            )
        })
        .collect()
}

/// What the tags of a method cannot be made of: a `self` that it has not, and what handles on its entries do not know.
pub(crate) fn tags(block: &Block<'_>, method: &Method<'_>, args: &MethodArgs) -> Vec<Error> {
    let tags = args::effective_tags(&block.args, args);
    tags.into_iter()
        .filter_map(|tag| no_self(method, tag).or_else(|| unknown_to_handles(method, tag)))
        .collect()
}

fn no_self(method: &Method<'_>, Tag { name, value }: &Tag) -> Option<Error> {
    let found = of_self(value).filter(|_| !method.has_self())?;
    Some(at(
        &found,
        format!(
            "`{}` has no `self` that the tag `{name}` could be made of; use an argument",
            method.name()
        ),
    ))
}

fn unknown_to_handles(method: &Method<'_>, Tag { name, value }: &Tag) -> Option<Error> {
    let skipped = method.args.iter().filter(|argument| argument.skipped);
    let mut found = skipped.filter_map(|argument| {
        let bound = ast::bindings(argument.pat);
        ast::names_variable(value, |variable| bound.contains(variable))
    });
    let found = found.next()?;
    Some(at(
        &found,
        format!(
            "`{found}` is skipped, so a handle on an entry of `{}` could not tell its tag `{name}`; use an argument that is in \
             the key, or `tags_fn`",
            method.name()
        ),
    ))
}

fn of_self(value: &Expr) -> Option<Ident> {
    let this = [Ident::new("self", Span::call_site())];
    types::find(value.to_token_stream(), &this)
}
