//! Options that are numbers or texts, and those without a value.

use darling::{Error, FromMeta, Result};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, Meta};

use super::constant::Constant;
use super::expr::{at, name, named_values};

/// An option without a value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flag(Option<Span>);

#[derive(Debug, Clone)]
pub(crate) struct MaxSize(pub(crate) Constant);

/// An expression of the type `&'static str`.
#[derive(Debug, Clone)]
pub(crate) struct Version(pub(crate) TokenStream);

named_values! {
    MaxSize "maxsize = 10_000";
    Version "version = 2";
}

impl FromMeta for Flag {
    fn from_none() -> Option<Self> {
        Some(Self(None))
    }

    fn from_meta(meta: &Meta) -> Result<Self> {
        match meta {
            Meta::Path(path) => Ok(Self(Some(path.span()))),
            other => {
                let name = name(other.path());
                let message = format!("`{name}` takes no value; write `{name}` alone");
                Err(Error::custom(message).with_span(other))
            }
        }
    }
}

impl Flag {
    pub(crate) fn set() -> Self {
        Self(Some(Span::call_site()))
    }

    pub(crate) fn is_set(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn span(self) -> Option<Span> {
        self.0
    }
}

impl MaxSize {
    fn read(expr: &Expr) -> Result<Self> {
        Constant::read(expr, Self::literal).map(Self)
    }

    fn literal(expr: &Expr) -> Result<u64> {
        let size = match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(int), ..
            }) => int.base10_parse::<u64>().ok(),
            _ => None,
        };
        match size {
            Some(size @ 1..=1_000_000_000) => Ok(size),
            _ => Err(at(
                expr,
                "`maxsize` counts entries and must be a number from 1 to 1000000000, such as `maxsize = 10_000`",
            )),
        }
    }
}

impl Version {
    fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(int), ..
            }) => {
                let text = int.base10_digits();
                Ok(Self(quote!(#text)))
            }
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Ok(Self(quote!(#text))),
            Expr::Macro(_) | Expr::Path(_) => Ok(Self(quote!(#expr))),
            _ => Err(at(
                expr,
                "`version` must be a number, a string, a constant, or `env!(\"…\")`, such as `version = 2`",
            )),
        }
    }
}
