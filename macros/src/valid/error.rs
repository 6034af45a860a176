//! The form of every refusal: a message at the tokens that are wrong.

use quote::ToTokens;
use syn::Error;

pub(super) fn at(tokens: &impl ToTokens, message: impl std::fmt::Display) -> Error {
    Error::new_spanned(tokens, message)
}
