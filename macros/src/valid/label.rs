//! Rules for `label = "…"`: which arguments it may show.

use syn::Error;
use syn::ext::IdentExt as _;

use super::error::at;
use crate::args::MethodArgs;
use crate::ast::{self, Arg, Method};

/// The first argument in a label that an entry cannot show.
pub(crate) fn label(method: &Method<'_>, args: &MethodArgs) -> Option<Error> {
    let label = args.label.as_ref()?;
    let problem = label.names.iter().find_map(|name| problem(method, name))?;
    Some(at(&label.text, problem))
}

fn problem(method: &Method<'_>, name: &str) -> Option<String> {
    let own = method.name();
    if name == "self" {
        return Some(format!(
            "`self` cannot be shown in a label; name an argument of `{own}`, or use `name` to tell methods apart"
        ));
    }
    match method.args.iter().find(|argument| binds(argument, name)) {
        Some(argument) if argument.skipped => Some(format!(
            "`{name}` is skipped, so a handle on an entry of `{own}` could not show it in a label; use an argument that is in \
             the key"
        )),
        Some(_) => None,
        None => Some(unknown(method, name)),
    }
}

fn unknown(method: &Method<'_>, name: &str) -> String {
    let own = method.name();
    let keyed = method.args.iter().filter(|argument| !argument.skipped);
    let known: Vec<_> = keyed
        .flat_map(|argument| ast::bindings(argument.pat))
        .map(|known| format!("`{{{}}}`", known.unraw()))
        .collect();
    if known.is_empty() {
        return format!(
            "`{own}` has no argument `{name}`, nor any other that its label could show; leave the label out"
        );
    }
    format!(
        "`{own}` has no argument `{name}` that its label could show; write {}",
        known.join(" or ")
    )
}

fn binds(argument: &Arg<'_>, name: &str) -> bool {
    let mut bound = ast::bindings(argument.pat).into_iter();
    bound.any(|bound| bound.unraw() == name)
}
