//! `name = "user.find"`: a name in place of the path of a method or function.

use darling::{Error, FromMeta, Result};
use syn::{Expr, ExprLit, Lit, LitStr, Meta};

use super::expr::{at, named_values};

/// As for the names of functions without a macro.
const LONGEST: usize = 256;

/// What a method is called in keys, wherever it stands.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) LitStr);

/// Stands for a name on a block, which has many methods.
#[derive(Debug)]
pub(crate) enum NameOfBlock {}

named_values! {
    Name r#"name = "user.find""#;
}

impl Name {
    fn read(expr: &Expr) -> Result<Self> {
        let Expr::Lit(ExprLit {
            lit: Lit::Str(name),
            ..
        }) = expr
        else {
            return Err(at(
                expr,
                "`name` must be a text in quotes, such as `name = \"user.find\"`",
            ));
        };
        let text = name.value();
        if text.trim().is_empty() {
            return Err(at(
                expr,
                "`name` is empty; it stands for the path of the method in every key, so write one that no other method of the \
                 cache has, such as `name = \"user.find\"`",
            ));
        }
        if text.len() > LONGEST {
            return Err(at(
                expr,
                format!(
                    "`name` has {} bytes, and is a part of every key; write at most {LONGEST}",
                    text.len()
                ),
            ));
        }
        if text.contains(char::is_control) {
            return Err(at(
                expr,
                "`name` has a control character in it, and stands in keys and logs; write visible characters, such as \
                 `name = \"user.find\"`",
            ));
        }
        Ok(Self(name.clone()))
    }
}

impl FromMeta for NameOfBlock {
    fn from_meta(meta: &Meta) -> Result<Self> {
        Err(Error::custom(
            "`name` stands for the path of one method, so it belongs there: `#[cache(name = \"user.find\")]`",
        )
        .with_span(meta.path()))
    }
}
