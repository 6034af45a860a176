//! Rules for the options that list names: `only(…)` and `skip(…)`.

use syn::{Error, Ident};

use super::error::at;
use crate::ast::{self, Block, Helpers, Method};

/// Names in `only` that no method of the block has.
pub(crate) fn unknown_methods(block: &Block<'_>, methods: &[&Method<'_>]) -> Vec<Error> {
    let names: Vec<_> = methods.iter().map(|method| method.name().clone()).collect();
    let listed = block.args.only.iter().flat_map(|only| &only.0.all);
    let unknown = listed.filter(|name| !names.contains(name));
    unknown
        .map(|name| {
            at(
                name,
                format!(
                    "this block has no method `{name}`; {}",
                    remedy(name, &names)
                ),
            )
        })
        .collect()
}

/// Names in `skip` that no argument of a cached method has.
pub(crate) fn unknown_arguments(block: &Block<'_>, cached: &[&Method<'_>]) -> Vec<Error> {
    let arguments = cached.iter().flat_map(|method| &method.args);
    let names: Vec<_> = arguments.filter_map(ast::Arg::name).collect();
    let listed = block.args.skip.iter().flat_map(|skip| &skip.0.all);
    let unknown = listed.filter(|name| !names.contains(name));
    let none = match cached {
        [method] => format!("`{}` has no", method.name()),
        _ => "no cached method of this block has an".to_owned(),
    };
    unknown
        .map(|name| {
            at(
                name,
                format!("{none} argument `{name}`; {}", remedy(name, &names)),
            )
        })
        .collect()
}

/// `only` names a function without `self`, which no wrapper has.
pub(crate) fn only_methods(block: &Block<'_>, method: &Method<'_>) -> Result<(), Error> {
    let mut listed = block.args.only.iter().flat_map(|only| &only.0.all);
    match listed.find(|name| *name == method.name()) {
        Some(name) => Err(at(
            name,
            format!(
                "`{name}` has no `self`, and a wrapper caches methods with `&self` only; remove it here, or cache the block \
                 in place, with its associated functions: `#[cache_impl(cache = …)]`"
            ),
        )),
        None => Ok(()),
    }
}

/// What a method says of itself against what `only` says of it.
pub(crate) fn marked(
    block: &Block<'_>,
    method: &Method<'_>,
    helpers: &Helpers<'_>,
) -> Result<(), Error> {
    if block.args.only.is_none() {
        return Ok(());
    }
    let name = method.name();
    match (block.names(name), helpers.nocache, helpers.cache) {
        (true, Some(nocache), _) => Err(at(
            nocache,
            format!("`only` names `{name}`, and `#[nocache]` contradicts it; remove one of them"),
        )),
        (false, _, Some(cache)) => Err(at(
            cache,
            format!("`only` does not name `{name}`; add it there, or remove this attribute"),
        )),
        _ => Ok(()),
    }
}

/// Arguments that say for themselves what `skip` says of them.
pub(super) fn said_twice(block: &Block<'_>, method: &Method<'_>) -> Vec<Error> {
    let Some(skip) = &block.args.skip else {
        return Vec::new();
    };
    let arguments = ast::typed(method.item).zip(&method.args);
    let listed = arguments.filter_map(|(typed, argument)| {
        let name = argument.name().filter(|name| skip.0.has(name))?;
        let mut attributes = typed.attrs.iter();
        let found = attributes.find_map(|one| Some((one, ast::helper(one.path())?)));
        let (attribute, helper) = found?;
        let remedy = match helper {
            "cache_skip" => "remove this attribute",
            _ => "remove it there, or this attribute",
        };
        Some(at(
            attribute,
            format!("`skip` already keeps `{name}` out of the key; {remedy}"),
        ))
    });
    listed.collect()
}

/// The nearest name, if one is near.
fn remedy(wrong: &Ident, names: &[Ident]) -> String {
    let wrong = wrong.to_string();
    let near = names
        .iter()
        .map(|name| (distance(&wrong, &name.to_string()), name))
        .filter(|(distance, name)| *distance <= name.to_string().len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "correct the name, or remove it".to_owned(),
    }
}

/// Levenshtein's.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<_> = other.chars().collect();
    let mut row: Vec<_> = (0..=other.len()).collect();
    for (at, from) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, &into) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(from != into);
            diagonal = row[to + 1];
            row[to + 1] = replaced.min(row[to] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn the_distance_counts_single_changes() {
        for (one, other, expected) in [
            ("find", "find", 0),
            ("fnd", "find", 1),
            ("find", "fnd", 1),
            ("list", "lost", 1),
            ("conn", "pool", 3),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
