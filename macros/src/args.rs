//! What the attributes say, with the places where they say it.

use darling::util::Flag;
use darling::{Error, FromMeta, Result};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, Meta, Path, Visibility};

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

/// `#[cache_impl(…)]`
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct BlockArgs {
    pub(crate) policy: Option<Policy>,
    pub(crate) single: Flag,
    pub(crate) multiple: Flag,
    pub(crate) cluster: Flag,
    pub(crate) maxsize: Option<MaxSize>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) codec: Option<Codec>,
    pub(crate) version: Option<Version>,
    pub(crate) self_key: Option<SelfKey>,
    pub(crate) wrapper: Option<Wrapper>,
    pub(crate) extend: Flag,
    pub(crate) vis: Option<Vis>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<Krate>,
    #[darling(rename = "default")]
    pub(crate) by_default: Option<ByDefault>,
}

/// `#[cache(…)]`
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct MethodArgs {
    pub(crate) policy: Option<Policy>,
    pub(crate) single: Flag,
    pub(crate) multiple: Flag,
    pub(crate) maxsize: Option<MaxSize>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) codec: Option<Codec>,
    pub(crate) version: Option<Version>,
}

/// The error for `single` and `multiple` in one place.
pub(crate) fn contradiction(single: Flag, multiple: Flag) -> Result<()> {
    if single.is_present() && multiple.is_present() {
        return Err(Error::custom(
            "`single` and `multiple` contradict each other; keep one of them",
        )
        .with_span(&multiple.span()));
    }
    Ok(())
}

/// Built in, by name, or any expression of the type `Policy`.
#[derive(Debug, Clone)]
pub(crate) enum Policy {
    BuiltIn(&'static str),
    Own(Expr),
}

/// Built in, by name, or any expression of the type `Codec`.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    BuiltIn(&'static str, &'static str),
    Own(Expr),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxSize(pub(crate) u64);

/// Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ttl(pub(crate) u64);

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

/// Whether methods without an attribute are left uncached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByDefault;

impl Policy {
    pub(crate) fn tokens(&self, krate: &Path) -> TokenStream {
        match self {
            Self::BuiltIn(name) => {
                let name = syn::Ident::new(name, Span::call_site());
                quote!(#krate::Policy::#name)
            }
            Self::Own(expr) => quote!(#expr),
        }
    }
}

impl Codec {
    pub(crate) fn tokens(&self, krate: &Path) -> TokenStream {
        match self {
            Self::BuiltIn(_, name) => {
                let name = syn::Ident::new(name, Span::call_site());
                quote!(#krate::Codec::#name)
            }
            Self::Own(expr) => quote!(#expr),
        }
    }

    /// An item that does not compile where the codec's feature is off.
    pub(crate) fn requirement(&self, krate: &Path) -> Option<TokenStream> {
        match self {
            Self::BuiltIn("cbor", _) | Self::Own(_) => None,
            Self::BuiltIn(name, _) => {
                let name = syn::Ident::new(&format!("__require_{name}"), Span::call_site());
                Some(quote!(#krate::#name! {}))
            }
        }
    }
}

impl FromMeta for Policy {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match text(expr) {
            None => own(expr, "policy", "lru_t").map(Self::Own),
            Some(name) => match POLICIES.iter().find(|(tag, _)| *tag == name) {
                Some((_, variant)) => Ok(Self::BuiltIn(variant)),
                None => Err(unknown(
                    expr,
                    "policy",
                    &name,
                    POLICIES.map(|(tag, _)| tag).as_slice(),
                )),
            },
        }
    }
}

impl FromMeta for Codec {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match text(expr) {
            None => own(expr, "codec", "cbor").map(Self::Own),
            Some(name) => match CODECS.iter().find(|(tag, _)| *tag == name) {
                Some((tag, variant)) => Ok(Self::BuiltIn(tag, variant)),
                None => Err(unknown(
                    expr,
                    "codec",
                    &name,
                    CODECS.map(|(tag, _)| tag).as_slice(),
                )),
            },
        }
    }
}

impl FromMeta for MaxSize {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let size = match peel(expr) {
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

impl FromMeta for Ttl {
    fn from_expr(expr: &Expr) -> Result<Self> {
        if let Expr::Lit(ExprLit {
            lit: Lit::Int(int), ..
        }) = peel(expr)
        {
            let unit = if int.suffix().is_empty() {
                "s"
            } else {
                int.suffix()
            };
            return Err(at(
                expr,
                &format!(
                    "`ttl = {int}` is a number and not a duration; write `ttl = \"{}{unit}\"`",
                    int.base10_digits()
                ),
            ));
        }
        let Some(text) = text(expr) else {
            return Err(at(
                expr,
                "`ttl` must be a duration in quotes, such as `ttl = \"5m\"`",
            ));
        };
        let Some(ms) = milliseconds(&text) else {
            return Err(at(
                expr,
                &format!(
                    "invalid duration `{text}`; expected a number and a unit, such as `500ms`, `30s`, `5m`, `2h`, `1d`"
                ),
            ));
        };
        match ms {
            0 => Err(at(
                expr,
                "`ttl` must be greater than zero; leave it out for entries without one",
            )),
            1..=3_153_600_000_000 => Ok(Self(ms)),
            _ => Err(at(
                expr,
                "`ttl` is longer than 100 years, which Redis cannot count; leave it out for entries without one",
            )),
        }
    }
}

impl FromMeta for Version {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match peel(expr) {
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

impl FromMeta for SelfKey {
    fn from_expr(expr: &Expr) -> Result<Self> {
        if text(expr).is_some() {
            return Err(at(
                expr,
                "`self_key` must be an expression of `self` and not a string, such as `self_key = self.tenant_id`",
            ));
        }
        Ok(Self(expr.clone()))
    }
}

impl FromMeta for Wrapper {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match peel(expr) {
            Expr::Path(path) if path.qself.is_none() => Ok(Self(path.path.clone())),
            _ => Err(at(
                expr,
                "`wrapper` must be the name of a type, such as `wrapper = CachedUserRepo`",
            )),
        }
    }
}

impl FromMeta for Vis {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let Some(text) = text(expr) else {
            return Err(at(
                expr,
                "`vis` must be in quotes, such as `vis = \"pub(crate)\"`",
            ));
        };
        match syn::parse_str(&text) {
            Ok(vis) => Ok(Self(vis)),
            Err(_) => Err(at(
                expr,
                &format!(
                    "invalid visibility `{text}`; expected `pub`, `pub(crate)`, `pub(super)`, `pub(in path)`, or nothing"
                ),
            )),
        }
    }
}

impl FromMeta for Krate {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match peel(expr) {
            Expr::Path(path) if path.qself.is_none() => Ok(Self(path.path.clone())),
            _ => Err(at(
                expr,
                "`crate` must be the path of redis-func-cache without quotes, such as `crate = my_crate::redis_func_cache`",
            )),
        }
    }
}

impl FromMeta for ByDefault {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match text(expr).as_deref() {
            Some("nocache") => Ok(Self),
            _ => Err(at(
                expr,
                "`default` can only be `\"nocache\"`: then only methods with `#[cache]` are cached",
            )),
        }
    }
}

/// Reads the options of an attribute; unknown and repeated ones are errors, all of them told.
pub(crate) fn read<T: FromMeta>(options: TokenStream) -> Result<T> {
    let list = darling::ast::NestedMeta::parse_meta_list(options)?;
    T::from_list(&list)
}

/// Reads `#[cache]` and `#[cache(…)]`.
pub(crate) fn read_method(meta: &Meta) -> Result<MethodArgs> {
    match meta {
        Meta::Path(_) => Ok(MethodArgs::default()),
        Meta::List(list) => {
            let args: MethodArgs = read(list.tokens.clone())?;
            contradiction(args.single, args.multiple)?;
            Ok(args)
        }
        Meta::NameValue(pair) => Err(at(
            &pair.value,
            "write the options in brackets, such as `#[cache(ttl = \"30s\")]`",
        )),
    }
}

fn at(expr: &Expr, message: &str) -> Error {
    Error::custom(message).with_span(&expr.span())
}

fn unknown(expr: &Expr, what: &str, name: &str, known: &[&str]) -> Error {
    let known = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    at(
        expr,
        &format!("unknown {what} `{name}`; expected one of {known}"),
    )
}

/// An expression for something of the user's own; numbers and the like are mistakes.
fn own(expr: &Expr, what: &str, example: &str) -> Result<Expr> {
    match peel(expr) {
        Expr::Lit(_) => Err(at(
            expr,
            &format!("`{what}` must be a name in quotes, such as `{what} = \"{example}\"`"),
        )),
        _ => Ok(expr.clone()),
    }
}

fn text(expr: &Expr) -> Option<String> {
    match peel(expr) {
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

/// `1h30m`, `500ms`: numbers, each with a unit.
fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        total = total.saturating_add(number.saturating_mul(ms));
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("1d"), Some(86_400_000));
        for wrong in ["", "5", "m", "5x", "-5m", "5 m", "1.5h", "5m "] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
        assert_eq!(milliseconds("99999999999999999999d"), None);
        assert_eq!(milliseconds("9999999999999999999d"), Some(u64::MAX));
    }
}
