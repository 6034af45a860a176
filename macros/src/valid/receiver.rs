//! Rules for `self`.

use syn::{Error, Receiver, ReceiverKind, Type};

use super::error::at;
use crate::ast::{self, Block, EntryPoint, Method};
use crate::types;

/// The access that a receiver gives.
enum SelfAccess<'a> {
    Shared,
    Mutable,
    Value,
    Other(&'a Type),
}

/// `&self`, however it is spelled.
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    matches!(kind(receiver), SelfAccess::Shared)
}

/// A cached method is given what the wrapper has: shared access.
pub(super) fn shared(
    block: &Block<'_>,
    method: &Method<'_>,
    receiver: &Receiver,
) -> Result<(), Error> {
    let is_in_place = block.entry_point == EntryPoint::InPlace;
    if block.owns_value() {
        return match kind(receiver) {
            SelfAccess::Shared | SelfAccess::Mutable => Ok(()),
            SelfAccess::Value => Err(at(
                receiver,
                "`self` by value cannot be cached: a hit would drop it unused; remove `#[cache]`, and it is passed on",
            )),
            SelfAccess::Other(_) => omittable(block, method, receiver),
        };
    }
    if block.trait_.is_some() && !is_in_place {
        return omittable(block, method, receiver);
    }
    match kind(receiver) {
        SelfAccess::Shared => Ok(()),
        SelfAccess::Mutable => Err(at(
            receiver,
            "`&mut self` methods cannot be cached: a hit would skip the mutation; add `#[nocache]`, or move the method to a \
             trait, whose block has a wrapper that owns its value (`cached_mut`)",
        )),
        SelfAccess::Value if is_in_place => Err(at(
            receiver,
            "`self` by value cannot be cached: a hit would drop it unused; add `#[nocache]`",
        )),
        SelfAccess::Value => Err(at(
            receiver,
            format!(
                "`self` by value cannot be cached: the wrapper does not own the value; \
                 add `#[nocache]` to leave it out of `{}`",
                block.wrapper_name()
            ),
        )),
        SelfAccess::Other(ty) => Err(at(
            ty,
            format!(
                "receiver `self: {}` is not supported; use `&self` or add `#[nocache]`",
                types::text(ty)
            ),
        )),
    }
}

/// A method that needs more than shared access is left out; a trait does not allow it.
pub(crate) fn omittable(
    block: &Block<'_>,
    method: &Method<'_>,
    receiver: &Receiver,
) -> Result<(), Error> {
    let what = match kind(receiver) {
        _ if block.trait_.is_none() => return Ok(()),
        SelfAccess::Shared => return Ok(()),
        SelfAccess::Mutable => "`&mut self`".to_owned(),
        SelfAccess::Value => "`self` by value".to_owned(),
        SelfAccess::Other(ty) => format!("`self: {}`", types::text(ty)),
    };
    let (name, wrapper) = (method.name(), block.wrapper_name());
    Err(at(
        receiver,
        format!(
            "trait method `{name}` takes {what}, but `{wrapper}` only has shared access; \
             give it `&self`, or implement the trait for `{wrapper}` yourself"
        ),
    ))
}

pub(crate) fn skip_on_receiver(receiver: &Receiver) -> Result<(), Error> {
    let mut attributes = receiver.attrs.iter();
    match attributes.find(|attribute| ast::helper(attribute.path()).is_some()) {
        Some(attribute) if ast::helper(attribute.path()) == Some("cache_key") => Err(at(
            attribute,
            "what of `self` is in the key is the same for all methods; write `self_key = …` on the block",
        )),
        Some(attribute) => Err(at(
            attribute,
            "`self` is never part of the key; remove `#[cache_skip]` (use `self_key = …` to add it)",
        )),
        None => Ok(()),
    }
}

fn kind(receiver: &Receiver) -> SelfAccess<'_> {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) => SelfAccess::Mutable,
        ReceiverKind::Reference(..) => SelfAccess::Shared,
        ReceiverKind::Typed(_, ty) => typed(types::peel(ty)),
        _ => SelfAccess::Value,
    }
}

fn typed(ty: &Type) -> SelfAccess<'_> {
    let is_self =
        |ty: &Type| matches!(types::peel(ty), Type::Path(path) if path.path.is_ident("Self"));
    match ty {
        Type::Reference(reference) if is_self(&reference.elem) => {
            if reference.mutability.is_some() {
                SelfAccess::Mutable
            } else {
                SelfAccess::Shared
            }
        }
        ty if is_self(ty) => SelfAccess::Value,
        ty => SelfAccess::Other(ty),
    }
}
