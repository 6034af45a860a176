//! Options that decide whether a value is stored, and for how long.

use darling::{Error, FromMeta, Result};
use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, ExprPath, Lit, Meta};

use super::expr::{at, named_values};

/// Whether a `None` is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheNone {
    pub(super) stores: bool,
    pub(super) span: Span,
}

/// The path of a `fn(&T) -> bool`.
#[derive(Debug, Clone)]
pub(crate) struct CacheIf(pub(crate) ExprPath);

/// The path of a `fn(&T) -> Duration`.
#[derive(Debug, Clone)]
pub(crate) struct TtlFn(pub(crate) ExprPath);

/// Stands for an option that a block cannot have.
#[derive(Debug)]
pub(crate) enum OnlyOnMethods {}

/// Stands for an option that a function cannot have.
#[derive(Debug)]
pub(crate) enum OnlyOnBlocks {}

named_values! {
    TtlFn "ttl_fn = Self::name";
    CacheNone "cache_none = false";
    CacheIf "cache_if = Self::name";
}

impl FromMeta for OnlyOnMethods {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let name = meta.path().to_token_stream();
        Err(Error::custom(format!(
            "`{name}` is of one type of values, so it belongs on a method: `#[cache({name} = …)]`"
        ))
        .with_span(meta.path()))
    }
}

impl FromMeta for OnlyOnBlocks {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let name = meta.path().to_token_stream();
        Err(Error::custom(format!(
            "`{name}` is an option of blocks and has no meaning on a function; remove it"
        ))
        .with_span(meta.path()))
    }
}

impl CacheNone {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Bool(stores),
                ..
            }) => Ok(Self {
                stores: stores.value,
                span: expr.span(),
            }),
            _ => Err(at(
                expr,
                "`cache_none` can only be `false` (a `None` is not stored) or `true` (it is, the default)",
            )),
        }
    }
}

impl CacheIf {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        function(expr, "cache_if", "bool").map(Self)
    }
}

impl TtlFn {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        function(expr, "ttl_fn", "Duration").map(Self)
    }
}

fn function(expr: &Expr, option: &str, returns: &str) -> Result<ExprPath> {
    match expr {
        Expr::Path(path) if !path.path.is_ident("self") => Ok(path.clone()),
        _ => Err(Error::custom(format!(
            "`{option}` must be the path of a `fn(&T) -> {returns}` that is given what would be stored, \
             such as `{option} = Self::name`"
        ))
        .with_span(expr)),
    }
}
