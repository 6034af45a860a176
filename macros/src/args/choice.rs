//! Options with a choice: names in quotes, or an expression of the user's.

use darling::Result;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Expr, Ident, Path};

use super::expr::{at, named_values, text};

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

named_values! {
    Policy r#"policy = "lru_t""#;
    Codec r#"codec = "cbor""#;
    Touch r#"touch = "exact""#;
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
