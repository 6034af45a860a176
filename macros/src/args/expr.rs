//! Reading the expression behind an option's name.

use darling::{Error, Result};
use syn::{Expr, ExprLit, Lit, Meta, Path};

/// Options of the form `name = value`, each with an example for the message that a wrong one gets.
macro_rules! named_values {
    ($($ty:ident $example:literal;)*) => {$(
        impl ::darling::FromMeta for $ty {
            fn from_meta(meta: &::syn::Meta) -> ::darling::Result<Self> {
                $crate::args::expr::value(meta, $example).and_then(Self::read)
            }
        }
    )*};
}
pub(super) use named_values;

/// What stands behind `name =`.
pub(super) fn value<'a>(meta: &'a Meta, example: &str) -> Result<&'a Expr> {
    let value = match meta {
        Meta::NameValue(pair) => Some(peel(&pair.value)).filter(|value| !is_empty(value)),
        _ => None,
    };
    value.ok_or_else(|| {
        let name = name(meta.path());
        Error::custom(format!("`{name}` needs a value, such as `{example}`")).with_span(meta.path())
    })
}

fn is_empty(expr: &Expr) -> bool {
    matches!(expr, Expr::Verbatim(tokens) if tokens.is_empty())
}

/// The option's name.
pub(super) fn name(path: &Path) -> String {
    path.get_ident()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What stands in quotes.
pub(super) fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

pub(super) fn at(expr: &Expr, message: impl std::fmt::Display) -> Error {
    Error::custom(message).with_span(expr)
}

/// An expression that came through `macro_rules!` stands in an invisible group.
fn peel(mut expr: &Expr) -> &Expr {
    while let Expr::Group(group) = expr {
        expr = &group.expr;
    }
    expr
}
