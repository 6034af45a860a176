//! The values of options: one type each.

use darling::{Error, FromMeta, Result};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Ident, Lit, Meta, Path, Visibility};

use super::{CacheIf, CacheNone, Early, Jitter, SoftTimeout, Stale, Stampede, Ttl, TtlFn, TtlNone};

/// Built in, by name, or any expression of the type `Policy`.
#[derive(Debug, Clone)]
pub(crate) struct Policy(Choice);

/// Built in, by name, or any expression of the type `Codec`.
#[derive(Debug, Clone)]
pub(crate) struct Codec(Choice);

#[derive(Debug, Clone)]
enum Choice {
    /// The name, and the variant that it stands for.
    BuiltIn(&'static str, &'static str),
    Own(Expr),
}

/// An option without a value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flag(Option<Span>);

#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxSize(pub(crate) u64);

/// An expression of the type `&'static str`.
#[derive(Debug, Clone)]
pub(crate) struct Version(pub(crate) TokenStream);

#[derive(Debug, Clone)]
pub(crate) struct SelfKey(pub(crate) Expr);

#[derive(Debug, Clone)]
pub(crate) struct Wrapper(pub(crate) Path);

#[derive(Debug, Clone)]
pub(crate) struct Vis(pub(crate) Visibility);

#[derive(Debug, Clone)]
pub(crate) struct Krate(pub(crate) Path);

/// When hits are recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touch {
    Exact,
    Behind,
}

/// Methods without an attribute are left uncached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByDefault;

const POLICIES: [(&str, &str); 7] = [
    ("fifo", "Fifo"),
    ("fifo_t", "FifoT"),
    ("lru", "Lru"),
    ("lru_t", "LruT"),
    ("mru", "Mru"),
    ("lfu", "Lfu"),
    ("rr", "Rr"),
];
const CODECS: [(&str, &str); 6] = [
    ("cbor", "Cbor"),
    ("json", "Json"),
    ("msgpack", "MsgPack"),
    ("bson", "Bson"),
    ("yaml", "Yaml"),
    ("postcard", "Postcard"),
];

/// Options of the form `name = value`, each with an example for whoever gets it wrong.
macro_rules! values {
    ($($ty:ident $example:literal;)*) => {$(
        impl FromMeta for $ty {
            fn from_meta(meta: &Meta) -> Result<Self> {
                match value(meta) {
                    Some(expr) => Self::read(expr),
                    None => Err(needs_value(meta.path(), $example)),
                }
            }
        }
    )*};
}
values! {
    Policy r#"policy = "lru_t""#;
    Codec r#"codec = "cbor""#;
    MaxSize "maxsize = 10_000";
    Ttl r#"ttl = "5m""#;
    TtlNone r#"ttl_none = "10s""#;
    TtlFn "ttl_fn = Self::name";
    CacheNone "cache_none = false";
    CacheIf "cache_if = Self::name";
    Stampede r#"stampede = "local""#;
    Stale r#"stale = "10m""#;
    SoftTimeout r#"soft_timeout = "50ms""#;
    Early "early = 0.9";
    Jitter "jitter = 0.1";
    Version "version = 2";
    Touch r#"touch = "exact""#;
    SelfKey "self_key = self.tenant_id";
    Wrapper "wrapper = CachedUserRepo";
    Vis r#"vis = "pub(crate)""#;
    Krate "crate = my_crate::redis_func_cache";
    ByDefault r#"default = "nocache""#;
}

impl Policy {
    fn read(expr: &Expr) -> Result<Self> {
        Choice::read(expr, "policy", "lru_t", &POLICIES).map(Self)
    }

    pub(crate) fn tokens(&self, krate: &Path) -> TokenStream {
        match &self.0 {
            Choice::BuiltIn(_, variant) => {
                let variant = Ident::new(variant, Span::call_site());
                quote!(#krate::Policy::#variant)
            }
            Choice::Own(expr) => quote!(#expr),
        }
    }
}

impl Codec {
    fn read(expr: &Expr) -> Result<Self> {
        Choice::read(expr, "codec", "cbor", &CODECS).map(Self)
    }

    /// By way of a macro, which knows whether the codec's feature is on.
    pub(crate) fn tokens(&self, krate: &Path) -> TokenStream {
        match &self.0 {
            Choice::BuiltIn("cbor", _) => quote!(#krate::Codec::Cbor),
            Choice::BuiltIn(name, _) => {
                let name = Ident::new(&format!("__codec_{name}"), Span::call_site());
                quote!(#krate::#name!())
            }
            Choice::Own(expr) => quote!(#expr),
        }
    }
}

impl Choice {
    fn read(
        expr: &Expr,
        option: &str,
        example: &str,
        known: &[(&'static str, &'static str)],
    ) -> Result<Self> {
        let find = |name: &str| known.iter().find(|(known, _)| *known == name);
        if let Some(name) = text(expr) {
            let Some((name, variant)) = find(&name) else {
                let known: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
                let known = known.join(", ");
                return Err(at(
                    expr,
                    format!("unknown {option} `{name}`; expected one of {known}"),
                ));
            };
            return Ok(Self::BuiltIn(name, variant));
        }
        let bare = match expr {
            Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        match (bare.as_deref().and_then(find), expr) {
            (None, Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_)) => {
                Ok(Self::Own(expr.clone()))
            }
            (bare, _) => {
                let name = bare.map_or(example, |(name, _)| name);
                Err(at(
                    expr,
                    format!("`{option}` must be a name in quotes, such as `{option} = \"{name}\"`"),
                ))
            }
        }
    }
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

    pub(super) fn span(self) -> Option<Span> {
        self.0
    }
}

impl MaxSize {
    fn read(expr: &Expr) -> Result<Self> {
        let size = match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(int), ..
            }) => int.base10_parse::<u64>().ok(),
            _ => None,
        };
        match size {
            Some(size @ 1..=1_000_000_000) => Ok(Self(size)),
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
}

impl SelfKey {
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

impl Touch {
    fn read(expr: &Expr) -> Result<Self> {
        match text(expr).as_deref() {
            Some("exact") => Ok(Self::Exact),
            Some("behind") => Ok(Self::Behind),
            _ => Err(at(
                expr,
                "`touch` can only be `\"exact\"` (a script for each hit) or `\"behind\"` (collected, the default)",
            )),
        }
    }

    pub(crate) fn tokens(self, krate: &Path) -> TokenStream {
        match self {
            Self::Exact => quote!(#krate::Touch::Exact),
            Self::Behind => quote!(#krate::Touch::BEHIND),
        }
    }
}

impl ByDefault {
    fn read(expr: &Expr) -> Result<Self> {
        match text(expr).as_deref() {
            Some("nocache") => Ok(Self),
            _ => Err(at(
                expr,
                "`default` can only be `\"nocache\"`: then only methods with `#[cache]` are cached",
            )),
        }
    }
}

pub(super) fn at(expr: &Expr, message: impl std::fmt::Display) -> Error {
    Error::custom(message).with_span(expr)
}

fn value(meta: &Meta) -> Option<&Expr> {
    match meta {
        Meta::NameValue(pair) => Some(peel(&pair.value)).filter(|value| !is_empty(value)),
        _ => None,
    }
}

fn is_empty(expr: &Expr) -> bool {
    matches!(expr, Expr::Verbatim(tokens) if tokens.is_empty())
}

fn needs_value(path: &Path, example: &str) -> Error {
    let name = name(path);
    Error::custom(format!("`{name}` needs a value, such as `{example}`")).with_span(path)
}

fn name(path: &Path) -> String {
    path.get_ident()
        .map(ToString::to_string)
        .unwrap_or_default()
}

pub(super) fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// An expression that came through `macro_rules!` stands in an invisible group.
fn peel(mut expr: &Expr) -> &Expr {
    while let Expr::Group(group) = expr {
        expr = &group.expr;
    }
    expr
}
