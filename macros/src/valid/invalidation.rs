//! Rules for the calls in `#[invalidates(…)]` and `#[updates(…)]`.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::{Error, Expr, Ident, Type};

use super::each::list_of_each;
use super::error::at;
use crate::ast::{
    self, Arg, Block, EntryPoint, InvalidatedTag, Invalidates, Method, Owner, Writes,
};
use crate::types;

/// For a call whose method is of the same block, and not cached.
pub(crate) fn no_entries(call: &Invalidates) -> Error {
    at(
        &call.method,
        format!(
            "`{}` is not cached, so it has no entries; name a cached method",
            call.method
        ),
    )
}

/// What is wrong with single calls.
pub(crate) fn writes(block: &Block<'_>, writes: &Writes, method: &Method<'_>) -> Vec<Error> {
    let invalidates = writes.invalidates.iter().map(|call| {
        result(block, call, method)?;
        if call.each {
            list_of_each(call, method)?;
        }
        Ok(())
    });
    let updates = writes.updates.iter().map(|call| update(call, method));
    let tags = writes.tags.iter().map(|tag| result_in_tag(tag, method));
    let all = invalidates.chain(updates).chain(tags);
    all.filter_map(Result::err).collect()
}

/// `ok`, where it cannot be what the method has returned.
fn result(block: &Block<'_>, call: &Invalidates, method: &Method<'_>) -> Result<(), Error> {
    let Some(ok) = &call.ok else { return Ok(()) };
    let name = method.name();
    something(ok, method)?;
    let of_wrapper = block.entry_point == EntryPoint::Wrapper;
    if of_wrapper && method.takes_value() && matches!(call.owner, Owner::Block) {
        return Err(at(
            ok,
            format!(
                "`{name}` takes `self`, so the wrapper is gone when there is an `ok`; use its arguments, or `{}(..)`",
                call.method
            ),
        ));
    }
    not_lent(
        &used_with_ok(call.ok.as_ref(), call.args.iter().flatten(), method),
        method,
    )
}

/// The same in the value of a tag.
fn result_in_tag(tag: &InvalidatedTag, method: &Method<'_>) -> Result<(), Error> {
    let Some(ok) = &tag.ok else { return Ok(()) };
    something(ok, method)?;
    if method.takes_value() && names_self(&tag.tag.value) {
        return Err(at(
            ok,
            format!(
                "`{}` takes `self`, which is gone when there is an `ok`; make the tag of one of them",
                method.name()
            ),
        ));
    }
    not_lent(
        &used_with_ok(tag.ok.as_ref(), [&tag.tag.value], method),
        method,
    )
}

fn names_self(value: &Expr) -> bool {
    let this = [Ident::new("self", Span::call_site())];
    types::find(value.to_token_stream(), &this).is_some()
}

/// `ok` is what the method returns, and that is something.
fn something(ok: &Ident, method: &Method<'_>) -> Result<(), Error> {
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
    Ok(())
}

/// An argument that stands beside `ok` is still there when the method has returned.
fn not_lent(used: &[(&Arg<'_>, Ident)], method: &Method<'_>) -> Result<(), Error> {
    let name = method.name();
    match used.iter().find(|used| is_mutable(used.0.ty)) {
        Some((_, used)) => Err(at(
            used,
            format!(
                "an argument that stands beside `ok` is used after `{name}` has returned, and `{used}` is lent to it for good; \
                 use another argument, or what it returns"
            ),
        )),
        None => Ok(()),
    }
}

/// A call in `#[updates(…)]`: one entry of this block, that is known before the method runs.
fn update(call: &Invalidates, method: &Method<'_>) -> Result<(), Error> {
    let (name, named) = (method.name(), &call.method);
    if !matches!(call.owner, Owner::Block) {
        return Err(at(
            named,
            format!(
                "`updates` stores what `{name}` returns in the cache of this block; name one of its methods, or write \
                 `#[invalidates(…)]`"
            ),
        ));
    }
    if call.each || call.args.is_none() {
        return Err(at(
            named,
            format!(
                "`updates` stores what `{name}` returns as one entry, and this names several; name the arguments of one call, or \
                 write `#[invalidates(…)]`"
            ),
        ));
    }
    let bound = method.args.iter().flat_map(|one| ast::bindings(one.pat));
    let is_argument = bound.into_iter().any(|bound| bound == "ok");
    if let Some(ok) = call.ok.as_ref().filter(|_| !is_argument) {
        return Err(at(
            ok,
            format!(
                "an entry that is updated must be known before `{name}` runs, and there is no `ok` then; use its arguments, or \
                 write `#[invalidates({named}(…))]`"
            ),
        ));
    }
    if types::is_unit(types::ok_by_name(&method.returned).unwrap_or(&method.returned)) {
        return Err(at(
            named,
            format!(
                "`updates` stores what `{name}` returns, and it returns nothing; return what `{named}` would, or write \
                 `#[invalidates(…)]`"
            ),
        ));
    }
    Ok(())
}

/// The arguments of the method that stand in expressions together with `ok`, where they are named first.
pub(crate) fn used_with_ok<'m, 'e>(
    ok: Option<&Ident>,
    expressions: impl IntoIterator<Item = &'e Expr, IntoIter: Clone>,
    method: &'m Method<'m>,
) -> Vec<(&'m Arg<'m>, Ident)> {
    if ok.is_none() {
        return Vec::new();
    }
    let expressions = expressions.into_iter();
    let used = method.args.iter().filter_map(|argument| {
        let is_it = |name: &Ident| *name == argument.ident;
        let mut all = expressions.clone();
        let found = all.find_map(|one| ast::names_variable(one, is_it))?;
        Some((argument, found))
    });
    used.collect()
}

fn is_mutable(ty: &Type) -> bool {
    matches!(types::peel(ty), Type::Reference(reference) if reference.mutability.is_some())
}
