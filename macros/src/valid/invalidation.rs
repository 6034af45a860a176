//! Rules for the calls in `#[invalidates(…)]`.

use quote::ToTokens as _;
use syn::{Error, Expr, Ident, Type};

use super::error::at;
use crate::ast::{self, Arg, Invalidates, Method};
use crate::types;

/// For a call whose method is of the same block, and not cached.
pub(crate) fn no_entries(call: &Invalidates) -> Error {
    at(
        &call.method,
        format!(
            "`{}` is not cached, so it has no entries to drop; name a cached method",
            call.method
        ),
    )
}

/// `ok`, where it cannot be what the method has returned.
pub(crate) fn result(call: &Invalidates, method: &Method<'_>) -> Result<(), Error> {
    let Some(ok) = &call.ok else { return Ok(()) };
    let name = method.name();
    let bound = method.args.iter().flat_map(|one| ast::bindings(one.pat));
    if bound.into_iter().any(|bound| bound == *ok) {
        return Err(at(
            ok,
            format!(
                "`ok` stands for what `{name}` returns, and is also one of its arguments; rename the argument"
            ),
        ));
    }
    if types::is_unit(types::ok_by_name(&method.returned).unwrap_or(&method.returned)) {
        return Err(at(
            ok,
            format!(
                "`ok` stands for what `{name}` returns, and it returns nothing; use its arguments, or let it return what it has \
                 written"
            ),
        ));
    }
    let used = used_with_ok(call, method);
    match used.into_iter().find(|used| is_mutable(used.0.ty)) {
        Some((_, used)) => Err(at(
            &used,
            format!(
                "an argument that stands beside `ok` is used after `{name}` has returned, and `{used}` is lent to it for good; \
                 use another argument, or what it returns"
            ),
        )),
        None => Ok(()),
    }
}

/// The arguments of the method that stand in a call together with `ok`, where they are named first.
pub(crate) fn used_with_ok<'m>(
    call: &Invalidates,
    method: &'m Method<'m>,
) -> Vec<(&'m Arg<'m>, Ident)> {
    if call.ok.is_none() {
        return Vec::new();
    }
    let all: proc_macro2::TokenStream = call
        .args
        .iter()
        .flatten()
        .map(Expr::to_token_stream)
        .collect();
    let used = method.args.iter().filter_map(|argument| {
        let found = types::find(all.clone(), std::slice::from_ref(&argument.ident))?;
        Some((argument, found))
    });
    used.collect()
}

fn is_mutable(ty: &Type) -> bool {
    matches!(types::peel(ty), Type::Reference(reference) if reference.mutability.is_some())
}
