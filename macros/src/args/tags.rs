//! `tags(user = user_id, tenant = self.tenant)` and `tags_fn = Self::tags_of`: what an entry is tagged with.

use std::collections::HashSet;

use darling::{FromMeta, Result};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprPath, Ident, Meta, Token};

use super::cacheability::function;
use super::expr::named_values;

/// Tags by the arguments of a method and by `self`.
#[derive(Debug, Clone)]
pub(crate) struct TagsOf {
    pub(crate) all: Vec<Tag>,
    /// What is wrong with the list. The tags that are right count all the same.
    pub(crate) error: Option<Error>,
}

/// `user = user_id`
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

/// The path of a `fn(&T) -> Tags`.
#[derive(Debug, Clone)]
pub(crate) struct TagsFn(pub(crate) ExprPath);

named_values! {
    TagsFn "tags_fn = Self::tags_of";
}

impl TagsFn {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        function(expr, "tags_fn", "Tags").map(Self)
    }
}

const FORM: &str = "`tags` needs a name and a value for each tag, such as `tags(user = user_id, tenant = self.tenant)`";

impl FromMeta for TagsOf {
    fn from_meta(meta: &Meta) -> Result<Self> {
        let mut tags = Self {
            all: Vec::new(),
            error: None,
        };
        let listed = match meta {
            Meta::List(list) => {
                list.parse_args_with(Punctuated::<Tag, Token![,]>::parse_terminated)
            }
            other => Err(Error::new_spanned(other.path(), FORM)),
        };
        match listed {
            Ok(listed) if listed.is_empty() => tags.error = Some(Error::new_spanned(meta, FORM)),
            Ok(listed) => tags.take(listed),
            Err(error) => tags.error = Some(error),
        }
        Ok(tags)
    }
}

impl TagsOf {
    fn take(&mut self, listed: Punctuated<Tag, Token![,]>) {
        let mut names = HashSet::new();
        for tag in listed {
            if names.insert(tag.name.unraw()) {
                self.all.push(tag);
                continue;
            }
            let name = &tag.name;
            self.error.get_or_insert_with(|| {
                Error::new(
                    name.span(),
                    format!(
                        "duplicate tag `{name}`; keep one of them, or give them different names"
                    ),
                )
            });
        }
    }
}

/// Also in `#[invalidates(tag(user = id))]`.
impl Parse for Tag {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = Ident::parse_any(input).map_err(|error| {
            Error::new(
                error.span(),
                "the name of a tag is an identifier, such as `user` in `user = user_id`",
            )
        })?;
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            return Err(Error::new(
                name.span(),
                format!("the tag `{name}` needs a value, such as `{name} = {name}_id`"),
            ));
        }
        input.parse::<Token![=]>()?;
        let value = input.parse()?;
        Ok(Self { name, value })
    }
}
