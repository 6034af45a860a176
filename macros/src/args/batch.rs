//! `batch = ids` and `shares = find`: a method that is cached item by item.

use darling::{Error, FromMeta, Result};
use quote::ToTokens as _;
use syn::{Expr, Ident, Meta};

use super::expr::{at, named_values};

/// The argument whose elements are cached one by one.
#[derive(Debug, Clone)]
pub(crate) struct BatchOver(pub(crate) Ident);

/// The method whose entries the items are.
#[derive(Debug, Clone)]
pub(crate) struct Shares(pub(crate) Ident);

/// Stands for an option that is about the arguments of one method.
#[derive(Debug)]
pub(crate) enum OnlyOnOneMethod {}

named_values! {
    BatchOver "batch = ids";
    Shares "shares = find";
}

impl BatchOver {
    fn read(expr: &Expr) -> Result<Self> {
        let name = name(expr).ok_or_else(|| {
            at(
                expr,
                "`batch` must be the name of the argument that holds the ids, such as `batch = ids`",
            )
        });
        name.map(Self)
    }
}

impl Shares {
    fn read(expr: &Expr) -> Result<Self> {
        let name = name(expr).ok_or_else(|| {
            at(
                expr,
                "`shares` must be the name of a cached method of this block that takes one id, such as `shares = find`",
            )
        });
        name.map(Self)
    }
}

fn name(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    }
}

impl FromMeta for OnlyOnOneMethod {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let name = meta.path().to_token_stream();
        Err(Error::custom(format!(
            "`{name}` is about the arguments of one method, so it belongs there: `#[cache({name} = …)]`"
        ))
        .with_span(meta.path()))
    }
}
