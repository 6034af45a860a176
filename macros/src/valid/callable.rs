//! Arguments that are functions, futures or iterators: no bound makes a key of them.

use syn::{Error, Ident, Signature, Type, TypeParamBound, WherePredicate};

use super::error::{at, leave_out};
use crate::ast::{Arg, Method};
use crate::types;

pub(super) fn not_callable(method: &Method<'_>, argument: &Arg<'_>) -> Result<(), Error> {
    let ty = types::peel(argument.ty);
    let own = match ty {
        Type::Reference(reference) => types::peel(&reference.elem),
        other => other,
    };
    let found = match own {
        Type::ImplTrait(found) => found.bounds.iter().find_map(callable),
        Type::Path(path) => {
            let parameter = path.path.get_ident();
            parameter.and_then(|name| of_parameter(&method.item.sig, name))
        }
        _ => None,
    };
    let Some(what) = found else {
        return Ok(());
    };
    Err(at(
        ty,
        format!(
            "argument `{}: {}` is {what}, which has no value that could be part of the key; \
             mark it `#[cache_skip]` if the result does not depend on it, or {}",
            argument.ident,
            types::text(ty),
            leave_out(method)
        ),
    ))
}

/// `F` of `fn find<F: Fn(u64) -> bool>`, or of its `where`.
fn of_parameter(signature: &Signature, name: &Ident) -> Option<&'static str> {
    let mut params = signature.generics.type_params();
    let param = params.find(|param| param.ident == *name)?;
    let clause = signature.generics.where_clause.as_ref();
    let predicates = clause.into_iter().flat_map(|clause| &clause.predicates);
    let clauses = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => Some(predicate),
        _ => None,
    });
    let is_its = |ty: &Type| matches!(ty, Type::Path(path) if path.path.is_ident(name));
    let of_clauses = clauses
        .filter(|predicate| is_its(&predicate.bounded_ty))
        .flat_map(|predicate| &predicate.bounds);
    param.bounds.iter().chain(of_clauses).find_map(callable)
}

fn callable(bound: &TypeParamBound) -> Option<&'static str> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let name = bound.path.segments.last()?.ident.to_string();
    match name.as_str() {
        "Fn" | "FnMut" | "FnOnce" | "AsyncFn" | "AsyncFnMut" | "AsyncFnOnce" => Some("a function"),
        "Future" => Some("a future"),
        "Iterator" | "Stream" => Some("an iterator"),
        _ => None,
    }
}
