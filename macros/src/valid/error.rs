//! The form of every refusal: a message at the tokens that are wrong.

use quote::ToTokens;
use syn::Error;

use crate::ast::Method;

pub(super) fn at(tokens: &impl ToTokens, message: impl std::fmt::Display) -> Error {
    Error::new_spanned(tokens, message)
}

/// How it is left uncached: the last resort of most refusals.
pub(super) fn leave_out(method: &Method<'_>) -> &'static str {
    if method.is_function {
        "remove `#[cache_fn]`"
    } else {
        "add `#[nocache]`"
    }
}
