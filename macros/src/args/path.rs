//! Options that name or compute something: paths, visibilities, expressions of `self`.

use darling::Result;
use syn::{Expr, Ident, Path, Visibility};

use super::expr::{at, named_values, text};

#[derive(Debug, Clone)]
pub(crate) struct SelfKey(pub(crate) Expr);

#[derive(Debug, Clone)]
pub(crate) struct Wrapper(pub(crate) Path);

#[derive(Debug, Clone)]
pub(crate) struct Vis(pub(crate) Visibility);

#[derive(Debug, Clone)]
pub(crate) struct Krate(pub(crate) Path);

/// An expression that gives the cache: a `static`, a call of a function, a field of `self`.
#[derive(Debug, Clone)]
pub(crate) struct CacheExpr(pub(crate) Expr);

/// The name of the type that the handles of a function or of a block in place are reached by.
#[derive(Debug, Clone)]
pub(crate) struct HandleName(pub(crate) Ident);

named_values! {
    SelfKey "self_key = self.tenant_id";
    Wrapper "wrapper = CachedUserRepo";
    Vis r#"vis = "pub(crate)""#;
    Krate "crate = my_crate::redis_func_cache";
    CacheExpr "cache = CACHE";
    HandleName "handle = rate_cache";
}

impl SelfKey {
    fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Lit(_) | Expr::Verbatim(_) => Err(at(
                expr,
                "`self_key` must be an expression of `self`, such as `self_key = self.tenant_id`",
            )),
            _ => Ok(Self(expr.clone())),
        }
    }

    /// `()`: nothing of `self` matters, and nothing is written.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.0, Expr::Tuple(tuple) if tuple.elems.is_empty())
    }
}

impl Wrapper {
    fn read(expr: &Expr) -> Result<Self> {
        let path = match expr {
            Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
            // No expression, but a type all the same: `CachedRepo<Postgres>`.
            Expr::Verbatim(tokens) => syn::parse2::<Path>(tokens.clone()).ok(),
            _ => None,
        };
        path.map(Self).ok_or_else(|| {
            at(
                expr,
                "`wrapper` must be the name of a type, such as `wrapper = CachedUserRepo`",
            )
        })
    }
}

impl Vis {
    fn read(expr: &Expr) -> Result<Self> {
        let Some(text) = text(expr) else {
            return Err(at(
                expr,
                "`vis` must be in quotes, such as `vis = \"pub(crate)\"`",
            ));
        };
        syn::parse_str(&text).map(Self).map_err(|_| {
            at(
                expr,
                format!(
                    "invalid visibility `{text}`; expected `pub`, `pub(crate)`, `pub(super)`, `pub(in path)`, or nothing"
                ),
            )
        })
    }
}

impl Krate {
    fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Path(path) if path.qself.is_none() => Ok(Self(path.path.clone())),
            _ => Err(at(
                expr,
                "`crate` must be the path of redis-func-cache without quotes, such as `crate = my_crate::redis_func_cache`",
            )),
        }
    }
}

impl CacheExpr {
    fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Lit(_) | Expr::Verbatim(_) => Err(at(
                expr,
                "`cache` must be an expression that gives a `Cache`: the name of a `static`, or a call such as `cache()`",
            )),
            _ => Ok(Self(expr.clone())),
        }
    }
}

impl HandleName {
    fn read(expr: &Expr) -> Result<Self> {
        let ident = match expr {
            Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
            _ => None,
        };
        ident.cloned().map(Self).ok_or_else(|| {
            at(
                expr,
                "`handle` must be a name for the type of the handles, such as `handle = rate_cache`",
            )
        })
    }
}
