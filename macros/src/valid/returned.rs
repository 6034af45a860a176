//! Rules for what a method returns.

use quote::ToTokens as _;
use syn::{Error, ReturnType, Type};

use super::at;
use crate::ast::{How, Method};
use crate::types::{self, Unstorable};

pub(super) fn storable(method: &Method<'_>) -> Result<(), Error> {
    let returned = &method.returned;
    let stored = types::ok_by_name(returned).unwrap_or(returned);
    something(method, stored)?;
    if method.how == How::Sync && types::is_boxed_future(returned) {
        return Err(at(
            returned,
            "a boxed future cannot be stored; return `impl Future<Output = …>` or use `async fn`, or add `#[nocache]`",
        ));
    }
    let parameters = types::parameters(&method.item.sig.generics);
    if let Some(parameter) = types::find(returned.to_token_stream(), &parameters) {
        return Err(at(
            &parameter,
            format!(
                "the cached value depends on type parameter `{parameter}`, whose name in the key need not be unique; \
                 add `#[nocache]`, or write a method for each type"
            ),
        ));
    }
    match types::unstorable(stored) {
        Some(found) => Err(unstorable(&found)),
        None => Ok(()),
    }
}

fn something(method: &Method<'_>, stored: &Type) -> Result<(), Error> {
    let name = method.name();
    let message = format!(
        "`{name}` returns no value, so a cache hit would only skip its side effects; add `#[nocache]`"
    );
    if matches!(method.item.sig.output, ReturnType::Default) {
        return Err(at(name, message));
    }
    if types::is_unit(stored) || matches!(types::peel(stored), Type::Never(_)) {
        return Err(at(&method.returned, message));
    }
    Ok(())
}

fn unstorable(found: &Unstorable) -> Error {
    match found {
        Unstorable::Reference(ty) => at(
            ty,
            "a cached method cannot return a reference; return an owned type such as `String` or add `#[nocache]`",
        ),
        Unstorable::Opaque(ty) => at(
            ty,
            format!(
                "`{}` cannot be stored in the cache; collect it into a `Vec` or another type of its own, or add `#[nocache]`",
                types::text(ty)
            ),
        ),
        Unstorable::NestedOption(ty) => at(
            ty,
            "`Option<Option<_>>` does not survive CBOR (`Some(None)` is read back as `None`); use an enum or add `#[nocache]`",
        ),
        Unstorable::UnitOption(ty) => at(
            ty,
            "`Option<()>` does not survive CBOR (`Some(())` is read back as `None`); use `bool` or add `#[nocache]`",
        ),
    }
}
