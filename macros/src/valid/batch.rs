//! Rules for batch methods: what can be split, and what they may share entries with.

use quote::ToTokens as _;
use syn::{Error, Ident, ReceiverKind, Type};

use super::error::at;
use crate::args::{self, MethodArgs};
use crate::ast::{Arg, Batch, BatchItem, Block, Invalidates, Method};
use crate::types;

const FORMS: &str = "`&[K]`, `Vec<K>` or `&Vec<K>`";
const RETURNED: &str = "a batch returns `HashMap<K, V>` or `BTreeMap<K, V>`, or by position `Vec<T>` or `Vec<Option<T>>`, or a \
                        `Result` of one of these";

/// The argument that a method is to be split by, and everything that is wrong with that.
pub(crate) fn batch(
    block: &Block<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
    errors: &mut Vec<Error>,
) -> Option<Batch> {
    let Some(over) = &args.batch else {
        errors.extend(args.shares.as_ref().map(|shares| {
            at(
                &shares.0,
                "`shares` belongs to a batch method; add the argument that holds the ids, such as `batch = ids`",
            )
        }));
        return None;
    };
    let before = errors.len();
    let found = split(method, &over.0).map_err(|error| errors.push(error));
    if let Ok((argument, _)) = &found {
        errors.extend(keyed_otherwise(method, argument));
    }
    errors.extend(receiver(method));
    errors.extend(refreshed(block, args, method));
    errors.extend(returned(method, args).err());
    let (_, batch) = found.ok()?;
    (errors.len() == before).then_some(batch)
}

fn split<'m>(method: &'m Method<'_>, over: &Ident) -> Result<(&'m Arg<'m>, Batch), Error> {
    let mut named = method.args.iter().enumerate();
    let named = named.find(|(_, argument)| argument.name().is_some_and(|name| name == *over));
    let Some((place, argument)) = named else {
        return Err(at(
            over,
            format!(
                "`{}` has no argument `{over}`; name the one that holds the ids, which is {FORMS}",
                method.name()
            ),
        ));
    };
    if argument.ident != *over {
        return Err(at(
            argument.pat,
            format!(
                "`{over}` stands in a pattern, and only a whole argument can be split; give the argument that name"
            ),
        ));
    }
    if matches!(types::peel(argument.ty), Type::Reference(reference) if reference.mutability.is_some())
    {
        return Err(at(
            argument.ty,
            format!(
                "`{over}` may be written to, and a method that runs for some of its elements would not see the others; \
                     take {FORMS}"
            ),
        ));
    }
    let batch = Batch::new(place, argument.ty).ok_or_else(|| {
        at(
            argument.ty,
            format!(
                "`{over}: {}` cannot be split into the ids of single calls; take {FORMS}",
                types::text(types::peel(argument.ty))
            ),
        )
    })?;
    if types::is_opaque(&batch.element) {
        return Err(at(
            &batch.element,
            format!("the ids of a batch need a type with a name; write that type, in {FORMS}"),
        ));
    }
    Ok((argument, batch))
}

/// Each element is in a key by itself: nothing else may say what of the argument is in the key.
fn keyed_otherwise(method: &Method<'_>, argument: &Arg<'_>) -> Option<Error> {
    let name = &argument.ident;
    if argument.skipped {
        return Some(at(
            argument.pat,
            format!(
                "each element of `{name}` is the key of an entry, so it cannot be skipped; do not skip it, or name \
                     another argument in `batch`"
            ),
        ));
    }
    if let Some(key) = &argument.key {
        return Some(at(
            key,
            format!(
                "each element of `{name}` is the key of an entry, by itself; remove this `#[cache_key]`"
            ),
        ));
    }
    let others = method.args.iter().filter(|other| !other.skipped);
    let others = others.filter_map(|other| other.key.as_ref());
    let found =
        others.filter_map(|key| types::find(key.to_token_stream(), std::slice::from_ref(name)));
    found.into_iter().next().map(|found| {
        at(
            &found,
            format!("`{name}` is split, so each entry knows one element of it; leave it out of this `#[cache_key]`"),
        )
    })
}

fn receiver(method: &Method<'_>) -> Option<Error> {
    let receiver = method.item.sig.receiver()?;
    let is_lent = method.takes_mut() || matches!(receiver.kind, ReceiverKind::Value);
    is_lent.then(|| {
        at(
            receiver,
            "a batch may run its method more than once, while other calls compute some of its items; take `&self`",
        )
    })
}

/// A batch serves no stale values, and refreshes nothing in the background.
fn refreshed(block: &Block<'_>, args: &MethodArgs, method: &Method<'_>) -> Option<Error> {
    if args.shares.is_some() {
        return None;
    }
    let said = args::outliving(&block.args, args)?;
    let remedy = match (args.stale.is_some(), args.early.is_some()) {
        (false, false) => format!(
            "write `#[cache(batch = …, stale = \"off\", early = \"off\")]` on `{}`",
            method.name()
        ),
        _ => "remove this option".to_owned(),
    };
    Some(Error::new(
        said,
        format!(
            "`stale` and `early` are not supported on batch methods: a batch computes what has expired together with what \
                 is missing; {remedy}"
        ),
    ))
}

/// What is seen to be no collection. An alias is up to the compiler.
fn returned(method: &Method<'_>, args: &MethodArgs) -> Result<(), Error> {
    const WHOLE: [&str; 14] = [
        "Option",
        "String",
        "HashSet",
        "BTreeSet",
        "VecDeque",
        "LinkedList",
        "Box",
        "Arc",
        "Rc",
        "bool",
        "char",
        "u64",
        "i64",
        "f64",
    ];
    let returned = types::ok_by_name(&method.returned).unwrap_or(&method.returned);
    let last = types::last_segment(returned);
    let is_whole = last.is_none_or(|last| WHOLE.iter().any(|name| last.ident == name));
    if is_whole {
        return Err(at(
            returned,
            format!(
                "`{}` cannot be split into one value for each id; {RETURNED}",
                types::text(returned)
            ),
        ));
    }
    match BatchItem::of(returned) {
        Some(BatchItem::Mapped(value))
            if args.shares.is_none() && types::option(value).is_some() =>
        {
            Err(at(
                value,
                "a missing id is absent from the map, and is stored as `None`; leave `Option` out, and return no entry for such \
             an id",
            ))
        }
        _ => Ok(()),
    }
}

/// What is wrong with the options of a method whose entries are another's.
pub(crate) fn options_of_another(args: &MethodArgs) -> Option<(&'static str, proc_macro2::Span)> {
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
        ("codec", args.codec.is_some()),
        ("touch", args.touch.is_some()),
        ("version", args.version.is_some()),
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

/// Of the arguments of a call with `each`, the one that is the list: the only one, or the one that is seen to be a list.
///
/// # Errors
/// There are several, or none.
pub(crate) fn list_of_each(call: &Invalidates, method: &Method<'_>) -> Result<usize, Error> {
    let arguments = call.args.iter().flatten();
    if arguments.clone().count() == 1 {
        return Ok(0);
    }
    let mut lists = arguments
        .enumerate()
        .filter(|(_, one)| names_list(one, method));
    match (lists.next(), lists.next()) {
        (Some((place, _)), None) => Ok(place),
        (found, _) => {
            let what = if found.is_some() {
                "more than one argument"
            } else {
                "no argument"
            };
            Err(at(
                &call.method,
                format!(
                    "`each` drops one entry for each element of a list, and {what} of this call is seen to be one; let one \
                     be the name of an argument of `{}` that is a slice or a `Vec`",
                    method.name()
                ),
            ))
        }
    }
}

fn names_list(argument: &syn::Expr, method: &Method<'_>) -> bool {
    let syn::Expr::Path(path) = argument else {
        return false;
    };
    let named = |own: &&Arg<'_>| path.path.is_ident(&own.ident);
    let own = method.args.iter().find(named);
    own.is_some_and(|own| is_list(own.ty))
}

fn is_list(ty: &Type) -> bool {
    const LISTS: [&str; 6] = [
        "Vec",
        "VecDeque",
        "BTreeSet",
        "HashSet",
        "IndexSet",
        "LinkedList",
    ];
    let ty = match types::peel(ty) {
        Type::Reference(reference) => types::peel(&reference.elem),
        other => other,
    };
    let last = types::last_segment(ty);
    matches!(ty, Type::Slice(_) | Type::Array(_))
        || last.is_some_and(|last| LISTS.iter().any(|name| last.ident == name))
}
