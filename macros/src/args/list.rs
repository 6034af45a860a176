//! Options that are lists of names: `only(find, list)`, `skip(conn, ctx)`.

use darling::{FromMeta, Result};
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Meta, Path, Token};

/// The methods of a block that are cached; all others are passed on.
#[derive(Debug, Clone)]
pub(crate) struct Only(pub(crate) Names);

/// The arguments that are skipped wherever a cached method has one of that name.
#[derive(Debug, Clone)]
pub(crate) struct Skip(pub(crate) Names);

#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) all: Vec<Ident>,
    pub(super) option: Path,
    /// What is wrong with the list. The names that are right count all the same.
    pub(super) error: Option<Error>,
}

impl FromMeta for Only {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let form = "`only` needs the methods that are to be cached, such as `only(find, list)`";
        Ok(Self(Names::read(meta, form)))
    }
}

impl FromMeta for Skip {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let form =
            "`skip` needs the arguments that are not to be in the key, such as `skip(conn, ctx)`";
        let mut names = Names::read(meta, form);
        if let Some(this) = names.all.extract_if(.., |name| name == "self").next() {
            names.error.get_or_insert_with(|| {
                Error::new(
                    this.span(),
                    "`self` is never part of the key; remove it (use `self_key = …` to add it)",
                )
            });
        }
        Ok(Self(names))
    }
}

impl Names {
    fn read(meta: &Meta, form: &str) -> Self {
        let mut names = Self {
            all: Vec::new(),
            option: meta.path().clone(),
            error: None,
        };
        match parse(meta, form) {
            Ok(listed) => listed.into_iter().for_each(|name| names.add(name)),
            Err(error) => names.error = Some(error),
        }
        names
    }

    fn add(&mut self, name: Ident) {
        if self.has(&name) {
            let error = Error::new(name.span(), format!("duplicate `{name}`; keep one of them"));
            self.error.get_or_insert(error);
        } else {
            self.all.push(name);
        }
    }

    pub(crate) fn has(&self, name: &Ident) -> bool {
        self.all.contains(name)
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.error.is_some()
    }
}

fn parse(meta: &Meta, form: &str) -> syn::Result<Punctuated<Ident, Token![,]>> {
    let Meta::List(list) = meta else {
        return Err(Error::new_spanned(meta.path(), form));
    };
    let listed = list.parse_args_with(|input: ParseStream<'_>| {
        Punctuated::<Ident, Token![,]>::parse_terminated_with(input, Ident::parse_any)
    });
    let listed = listed.map_err(|error| Error::new(error.span(), form))?;
    if listed.is_empty() {
        return Err(Error::new_spanned(meta, form));
    }
    Ok(listed)
}
