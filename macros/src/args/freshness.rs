//! Options that decide which call computes a value, and when it is computed again.

use darling::Result;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Lit, Path};

use super::constant::Constant;
use super::duration;
use super::expr::{at, named_values, text};

/// Which call computes a value that several calls miss.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stampede {
    Lease,
    Local,
    Off,
}

/// Milliseconds after its TTL that a value may still be served for.
#[derive(Debug, Clone)]
pub(crate) struct Stale {
    /// `None` for a method whose block says otherwise: `"off"`.
    pub(super) ms: Option<Constant>,
    pub(super) span: Span,
}

/// Milliseconds that a call waits for a fresh value before it takes the stale one.
#[derive(Debug, Clone)]
pub(crate) struct SoftTimeout {
    pub(crate) ms: Constant,
    span: Span,
}

/// When a value is computed again although it has not expired.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Early {
    pub(super) when: When,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// When so many thousandths of its TTL have passed.
    At(u16),
    XFetch,
    /// Not, although its block says so.
    Off,
}

/// The thousandths of a TTL that it is shortened by at the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jitter(pub(crate) u16);

named_values! {
    Stampede r#"stampede = "local""#;
    Stale r#"stale = "10m""#;
    SoftTimeout r#"soft_timeout = "50ms""#;
    Early "early = 0.9";
    Jitter "jitter = 0.1";
}

impl Stampede {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        match text(expr).as_deref() {
            Some("lease") => Ok(Self::Lease),
            Some("local") => Ok(Self::Local),
            Some("off") => Ok(Self::Off),
            _ => Err(at(
                expr,
                "`stampede` can only be `\"lease\"` (one call of all processes computes), \
                 `\"local\"` (one of each process) or `\"off\"` (each that misses)",
            )),
        }
    }

    pub(crate) fn tokens(self, krate: &Path) -> TokenStream {
        match self {
            Self::Lease => quote!(#krate::Stampede::Lease),
            Self::Local => quote!(#krate::Stampede::Local),
            Self::Off => quote!(#krate::Stampede::Off),
        }
    }
}

impl Stale {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        if text(expr).as_deref() == Some("off") {
            return Ok(Self {
                ms: None,
                span: expr.span(),
            });
        }
        let remedy = "write `stale = \"off\"` to serve no stale values";
        let ms = duration::constant(expr, "stale", "10m", remedy)?;
        Ok(Self {
            ms: Some(ms),
            span: expr.span(),
        })
    }
}

impl SoftTimeout {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let remedy = "leave it out to take the stale value at once";
        let ms = duration::constant(expr, "soft_timeout", "50ms", remedy)?;
        Ok(Self {
            ms,
            span: expr.span(),
        })
    }
}

impl Early {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let when = match (text(expr).as_deref(), share(expr)) {
            (Some("xfetch"), _) => When::XFetch,
            (Some("off"), _) => When::Off,
            (_, Some(share)) if share > 0.0 && share < 1.0 => {
                When::At(permille(share).clamp(1, 999))
            }
            _ => {
                return Err(at(
                    expr,
                    "`early` must be a share of the `ttl` between 0 and 1, such as `early = 0.9`, \
                 or `\"xfetch\"` (the likelier the longer the method takes)",
                ));
            }
        };
        Ok(Self {
            when,
            span: expr.span(),
        })
    }

    pub(super) fn is_off(self) -> bool {
        matches!(self.when, When::Off)
    }

    pub(crate) fn tokens(self, private: &TokenStream) -> TokenStream {
        match self.when {
            When::At(permille) => {
                quote!(::core::option::Option::Some(#private::Early::At(#permille)))
            }
            When::XFetch => quote!(::core::option::Option::Some(#private::Early::XFetch)),
            When::Off => quote!(::core::option::Option::None),
        }
    }
}

impl Jitter {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        match share(expr) {
            Some(share) if (0.0..=0.5).contains(&share) => Ok(Self(permille(share))),
            _ => Err(at(
                expr,
                "`jitter` must be a share of the `ttl` from 0 to 0.5, such as `jitter = 0.1`",
            )),
        }
    }
}

/// A `soft_timeout` of a block or method, with the `stale` that counts there.
pub(crate) fn soft_timeout_alone(
    soft_timeout: Option<&SoftTimeout>,
    stale: Option<&Stale>,
) -> Option<Error> {
    let is_stale = stale.is_some_and(|stale| stale.ms.is_some());
    let soft_timeout = soft_timeout.filter(|_| !is_stale)?;
    Some(Error::new(
        soft_timeout.span,
        "`soft_timeout` ends the wait for a fresh value where a stale one may be served; add `stale`",
    ))
}

fn share(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Float(float),
            ..
        }) => float.base10_parse().ok(),
        Expr::Lit(ExprLit {
            lit: Lit::Int(int), ..
        }) => int.base10_parse().ok(),
        _ => None,
    }
}

/// Of a share from 0 to 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn permille(share: f64) -> u16 {
    (share * 1000.0).round() as u16
}
