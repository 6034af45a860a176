//! Rules for batch methods: what can be split.

use quote::ToTokens as _;
use syn::{Error, Ident, ReceiverKind, Type};

use super::error::at;
use crate::args::{self, MethodArgs};
use crate::ast::{Arg, Batch, BatchItem, Block, Method};
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
    errors.extend(failing(args));
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

/// What is stored is of one id, and an error of the method is of all of them.
fn failing(args: &MethodArgs) -> Option<Error> {
    let cache_err = args.cache_err.as_ref()?;
    Some(at(
        &cache_err.0,
        "an error of a batch method is one for all its ids, so it cannot be stored for each; remove `cache_err`, and return no \
         entry for an id that is not found: that is stored as `None`",
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
