//! Options that are lists of names: `only(find, list)`, `skip(conn, ctx)`.

use darling::{Error, FromMeta, Result};
use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Ident, Meta, Token};

/// The methods of a block that are cached; all others are passed on.
#[derive(Debug, Clone)]
pub(crate) struct Only {
    pub(crate) methods: Vec<Ident>,
    /// Of the word `only`.
    pub(super) span: Span,
}

/// The arguments that are skipped wherever a cached method has one of that name.
#[derive(Debug, Clone)]
pub(crate) struct Skip(pub(crate) Vec<Ident>);

impl FromMeta for Only {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let methods = names(
            meta,
            "`only` needs the methods that are to be cached, such as `only(find, list)`",
        )?;
        Ok(Self {
            methods,
            span: meta.path().span(),
        })
    }
}

impl FromMeta for Skip {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let names = names(
            meta,
            "`skip` needs the arguments that are not to be in the key, such as `skip(conn, ctx)`",
        )?;
        match names.iter().find(|name| *name == "self") {
            Some(this) => Err(Error::custom(
                "`self` is never part of the key; remove it (use `self_key = …` to add it)",
            )
            .with_span(this)),
            None => Ok(Self(names)),
        }
    }
}

impl Skip {
    pub(crate) fn has(&self, name: &Ident) -> bool {
        self.0.iter().any(|skipped| skipped == name)
    }
}

fn names(meta: &Meta, form: &str) -> Result<Vec<Ident>> {
    let Meta::List(list) = meta else {
        return Err(Error::custom(form).with_span(meta));
    };
    let listed = list.parse_args_with(|input: ParseStream<'_>| {
        Punctuated::<Ident, Token![,]>::parse_terminated_with(input, Ident::parse_any)
    });
    let listed = listed.map_err(|error| Error::custom(form).with_span(&error.span()))?;
    if listed.is_empty() {
        return Err(Error::custom(form).with_span(meta));
    }
    let mut names: Vec<Ident> = Vec::new();
    for name in listed {
        if names.contains(&name) {
            return Err(
                Error::custom(format!("duplicate `{name}`; keep one of them")).with_span(&name),
            );
        }
        names.push(name);
    }
    Ok(names)
}
