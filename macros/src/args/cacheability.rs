//! Options that decide whether a value is stored, and for how long.

use darling::{Error, FromMeta, Result};
use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Error as SynError, Expr, ExprLit, ExprPath, Lit, Meta};

use super::MethodArgs;
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

/// The path of a `fn(&E) -> bool`.
#[derive(Debug, Clone)]
pub(crate) struct CacheErr(pub(crate) ExprPath);

/// The path of a `fn() -> E`.
#[derive(Debug, Clone)]
pub(crate) struct ErrValue(pub(crate) ExprPath);

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
    CacheErr "cache_err = Self::name";
    ErrValue "err_value = Self::name";
}

impl FromMeta for OnlyOnMethods {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let name = meta.path().to_token_stream();
        let of = if name.to_string().contains("err") {
            "errors"
        } else {
            "values"
        };
        Err(Error::custom(format!(
            "`{name}` is of one type of {of}, so it belongs on a method: `#[cache({name} = …)]`"
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

impl CacheErr {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let path = path(expr).ok_or_else(|| {
            at(
                expr,
                "`cache_err` must be the path of a `fn(&E) -> bool` that is given the method's error, such as \
                 `cache_err = Self::name`",
            )
        });
        path.map(Self)
    }
}

impl ErrValue {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let path = path(expr).ok_or_else(|| {
            at(
                expr,
                "`err_value` must be the path of a `fn() -> E` that makes an error of the method, such as \
                 `err_value = Self::name`",
            )
        });
        path.map(Self)
    }
}

/// What is wrong with the options for errors by themselves.
pub(super) fn errors_alone(args: &MethodArgs) -> Option<SynError> {
    let alone = "without `cache_err` no error is stored; add `cache_err = Self::name`, the path of a `fn(&E) -> bool`";
    match (&args.cache_err, args.ttl_err, &args.err_value) {
        (Some(cache_err), None, _) => Some(SynError::new_spanned(
            &cache_err.0,
            "`cache_err` needs `ttl_err`, how long an error is returned without running the method again, such as \
             `ttl_err = \"10s\"`",
        )),
        (None, Some(ttl_err), _) => Some(SynError::new(ttl_err.1, alone)),
        (None, None, Some(err_value)) => Some(SynError::new_spanned(&err_value.0, alone)),
        _ => None,
    }
}

impl TtlFn {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        function(expr, "ttl_fn", "Duration").map(Self)
    }
}

pub(super) fn function(expr: &Expr, option: &str, returns: &str) -> Result<ExprPath> {
    path(expr).ok_or_else(|| {
        at(
            expr,
            format!(
                "`{option}` must be the path of a `fn(&T) -> {returns}` that is given what would be stored, \
                 such as `{option} = Self::name`"
            ),
        )
    })
}

fn path(expr: &Expr) -> Option<ExprPath> {
    match expr {
        Expr::Path(path) if !path.path.is_ident("self") => Some(path.clone()),
        _ => None,
    }
}
