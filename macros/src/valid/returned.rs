//! Rules for what a method returns.

use syn::visit::{self, Visit};
use syn::{Error, GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypePath};

use super::error::{at, leave_out};
use crate::args::MethodArgs;
use crate::ast::{CallStyle, Method};
use crate::types::{self, Unstorable};

pub(super) fn storable(method: &Method<'_>) -> Result<(), Error> {
    let returned = &method.returned;
    let stored = types::ok_by_name(returned).unwrap_or(returned);
    something(method, stored)?;
    if method.style == CallStyle::Sync && types::is_boxed_future(returned) {
        return Err(at(
            returned,
            format!(
                "a boxed future cannot be stored; return `impl Future<Output = …>` or use `async fn`, or {}",
                leave_out(method)
            ),
        ));
    }
    match types::unstorable(stored) {
        Some(found) => Err(unstorable(method, &found)),
        None => owning(method, stored),
    }
}

/// What is seen to be no `Result`, and has `cache_err`. An alias of one has a name that ends so.
pub(crate) fn fallible(method: &Method<'_>, args: &MethodArgs) -> Option<Error> {
    let cache_err = args.cache_err.as_ref()?;
    let last = types::last_segment(&method.returned);
    let is_result = last.is_some_and(|last| last.ident.to_string().ends_with("Result"));
    (!is_result).then(|| {
        at(
            &cache_err.0,
            format!(
                "`cache_err` chooses among errors, and `{}` returns `{}`; return `Result<T, E>` or an alias whose name ends in \
                 `Result`, or use `cache_if`",
                method.name(),
                types::text(&method.returned)
            ),
        )
    })
}

/// `Page<'_>` is not read back from the store: it would have to borrow from what was read. A `Cow`
/// is read back as owned.
fn owning(method: &Method<'_>, stored: &Type) -> Result<(), Error> {
    struct Search<'a>(Option<&'a TypePath>);
    impl<'a> Visit<'a> for Search<'a> {
        fn visit_type_path(&mut self, path: &'a TypePath) {
            let last = path.path.segments.last();
            let borrows = last.is_some_and(|last| last.ident != "Cow" && has_lifetime(last));
            if borrows {
                self.0.get_or_insert(path);
            }
            visit::visit_type_path(self, path);
        }
    }
    let mut search = Search(None);
    search.visit_type(stored);
    let Some(found) = search.0 else {
        return Ok(());
    };
    let text = types::text(&Type::Path(found.clone()));
    Err(at(
        found,
        format!(
            "`{text}` borrows, and what is stored must own what it holds; return a type without a lifetime \
             (with `String` for `&str`, `Vec` for slices), or {}",
            leave_out(method)
        ),
    ))
}

fn has_lifetime(segment: &PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return false;
    };
    arguments.args.iter().any(|argument| {
        matches!(argument, GenericArgument::Lifetime(lifetime) if lifetime.ident != "static")
    })
}

fn something(method: &Method<'_>, stored: &Type) -> Result<(), Error> {
    let name = method.name();
    let message = nothing(method);
    if matches!(method.item.sig.output, ReturnType::Default) {
        return Err(at(name, message));
    }
    if types::is_unit(stored) || matches!(types::peel(stored), Type::Never(_)) {
        return Err(at(&method.returned, message));
    }
    Ok(())
}

/// The message for a method without a value, here or once its type is known.
pub(crate) fn nothing(method: &Method<'_>) -> String {
    format!(
        "`{}` returns no value, so a cache hit would only skip its side effects; {}",
        method.name(),
        leave_out(method)
    )
}

fn unstorable(method: &Method<'_>, found: &Unstorable) -> Error {
    let leave_out = leave_out(method);
    match found {
        Unstorable::Reference(ty) => at(
            ty,
            format!(
                "a reference cannot be stored in the cache; return an owned type such as `String`, or {leave_out}"
            ),
        ),
        Unstorable::Opaque(ty) => at(
            ty,
            format!(
                "`{}` cannot be stored in the cache; collect it into a `Vec` or another type of its own, or {leave_out}",
                types::text(ty)
            ),
        ),
        Unstorable::NestedOption(ty) => at(
            ty,
            format!(
                "`Option<Option<_>>` does not survive CBOR (`Some(None)` is read back as `None`); use an enum, or {leave_out}"
            ),
        ),
        Unstorable::UnitOption(ty) => at(
            ty,
            format!(
                "`Option<()>` does not survive CBOR (`Some(())` is read back as `None`); use `bool`, or {leave_out}"
            ),
        ),
    }
}
