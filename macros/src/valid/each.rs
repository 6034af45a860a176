//! Rules for `each` in `#[invalidates(…)]`: which argument is the list.

use syn::{Error, Expr, Type};

use super::error::at;
use crate::ast::{self, Arg, Invalidates, Method};
use crate::types;

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
        .filter(|(_, one)| names_list(one, method) || ast::names_ok(one).is_some());
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
                     be the name of an argument of `{}` that is a slice or a `Vec`, or be made of `ok`",
                    method.name()
                ),
            ))
        }
    }
}

fn names_list(argument: &Expr, method: &Method<'_>) -> bool {
    let Expr::Path(path) = argument else {
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
