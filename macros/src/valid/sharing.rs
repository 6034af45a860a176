//! Rules for batch methods that have the entries of another method.

use quote::ToTokens as _;
use syn::{Error, Ident, Type};

use super::error::at;
use crate::args::MethodArgs;
use crate::ast::{Arg, Batch, Method};
use crate::types;

/// What is wrong with the options of a method whose entries are another's.
fn options_of_another(args: &MethodArgs) -> Option<(&'static str, proc_macro2::Span)> {
    let said = [
        ("policy", args.policy.is_some()),
        ("single", args.single.is_set()),
        ("multiple", args.multiple.is_set()),
        ("maxsize", args.maxsize.is_some()),
        ("ttl", args.ttl.is_some()),
        ("ttl_none", args.ttl_none.is_some()),
        ("ttl_fn", args.ttl_fn.is_some()),
        ("cache_none", args.cache_none.is_some()),
        ("stampede", args.stampede.is_some()),
        ("stale", args.stale.is_some()),
        ("soft_timeout", args.soft_timeout.is_some()),
        ("early", args.early.is_some()),
        ("jitter", args.jitter.is_some()),
        ("cache_if", args.cache_if.is_some()),
        ("cache_err", args.cache_err.is_some()),
        ("codec", args.codec.is_some()),
        ("touch", args.touch.is_some()),
        ("version", args.version.is_some()),
        ("name", args.name.is_some()),
        ("tags", args.tags.is_some()),
        ("tags_fn", args.tags_fn.is_some()),
        ("label", args.label.is_some()),
    ];
    let shares = args.shares.as_ref()?;
    let (name, _) = said.into_iter().find(|(_, is_said)| *is_said)?;
    Some((name, shares.0.span()))
}

/// Whether a batch method can have the entries of another one, and the argument of that which takes one id.
///
/// # Errors
/// All that is different between the two.
pub(crate) fn sharing<'s>(
    batch: &Batch,
    method: &Method<'_>,
    args: &MethodArgs,
    shared: &'s Method<'_>,
    shared_args: &MethodArgs,
) -> Result<&'s Arg<'s>, Error> {
    let said = args.shares.as_ref().map(|shares| &shares.0);
    let said = said.unwrap_or_else(|| method.name());
    let (own, other) = (method.name(), shared.name());
    if shared_args.batch.is_some() {
        return Err(at(
            said,
            format!("`{other}` is a batch method itself; name a method that takes one id"),
        ));
    }
    if let Some((option, span)) = options_of_another(args) {
        return Err(Error::new(
            span,
            format!(
                "the entries of `{own}` are those of `{other}`, with its options; write `{option}` on `{other}`"
            ),
        ));
    }
    if shared.has_self() != method.has_self() {
        return Err(at(
            said,
            format!(
                "one of `{own}` and `{other}` takes `&self` and the other does not, so their entries differ; let both take \
                     it, or leave `shares` out"
            ),
        ));
    }
    if types::parameters(&shared.item.sig.generics) != types::parameters(&method.item.sig.generics)
    {
        return Err(at(
            said,
            format!(
                "the type parameters of `{other}` are in its keys, and `{own}` has others; give both the same, or leave \
                     `shares` out"
            ),
        ));
    }
    let id = id_of_shared(batch, method, shared, said)?;
    same_id(method, shared, id, said)?;
    Ok(id)
}

fn id_of_shared<'s>(
    batch: &Batch,
    method: &Method<'_>,
    shared: &'s Method<'_>,
    said: &Ident,
) -> Result<&'s Arg<'s>, Error> {
    let (own, other) = (method.name(), shared.name());
    let keyed = method.args.iter().enumerate();
    let keyed: Vec<_> = keyed
        .filter(|(place, argument)| *place != batch.argument && !argument.skipped)
        .map(|(_, argument)| argument)
        .collect();
    let is_known = |argument: &&Arg<'_>| keyed.iter().any(|own| own.ident == argument.ident);
    let theirs: Vec<_> = shared
        .args
        .iter()
        .filter(|argument| !argument.skipped)
        .collect();
    let mut alone = theirs.iter().filter(|argument| !is_known(argument));
    let (Some(id), None) = (alone.next(), alone.next()) else {
        return Err(at(
            said,
            format!(
                "besides its ids, `{own}` must have the arguments of `{other}` that are in the key, under the same names, and \
                 leave one that takes the id; change one of the two, or leave `shares` out"
            ),
        ));
    };
    let differs = |own: &&&Arg<'_>| {
        let same = theirs.iter().find(|theirs| theirs.ident == own.ident);
        same.is_none_or(|theirs| text(theirs.ty) != text(own.ty) || key(theirs) != key(own))
    };
    match keyed.iter().find(differs) {
        Some(wrong) => Err(at(
            wrong.pat,
            format!(
                "`{}` is in the keys of `{own}` and not, or otherwise, in those of `{other}`, so they have no entries in \
                 common; give both the same arguments, mark it `#[cache_skip]`, or leave `shares` out",
                wrong.ident
            ),
        )),
        None => Ok(id),
    }
}

/// The types, where both are seen. What has an alias is the compiler's to compare.
fn same_id(
    method: &Method<'_>,
    shared: &Method<'_>,
    id: &Arg<'_>,
    said: &Ident,
) -> Result<(), Error> {
    if types::is_opaque(id.ty) {
        return Err(at(
            said,
            format!(
                "`{}` takes `{}` in any form, and only a type with a name can be compared to the ids of `{}`; write its type, or \
                 leave `shares` out",
                shared.name(),
                id.ident,
                method.name()
            ),
        ));
    }
    Ok(())
}

fn text(ty: &Type) -> String {
    types::text(types::peel(ty))
}

fn key(argument: &Arg<'_>) -> Option<String> {
    argument
        .key
        .as_ref()
        .map(|key| key.to_token_stream().to_string())
}

/// `shares` names no method of the block that has entries.
pub(crate) fn unknown_shared(args: &MethodArgs, is_here: bool, is_function: bool) -> Option<Error> {
    let name = &args.shares.as_ref()?.0;
    let message = if is_function {
        "`shares` names a method of the same block, and a function has none; leave it out, or write both as methods of a \
         block: `#[cache_impl(cache = …)]`"
            .to_owned()
    } else if is_here {
        format!(
            "`{name}` is not cached, so it has no entries to share; name a cached method that takes one id"
        )
    } else {
        format!(
            "this block has no method `{name}`; name a cached method of the same block that takes one id"
        )
    };
    Some(at(name, message))
}
