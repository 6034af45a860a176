//! The arguments of a method, with what their attributes say.

use syn::visit::{self, Visit};
use syn::{Attribute, Error, Expr, FnArg, Ident, ImplItemFn, Pat, PatIdent, PatType, Type};

use super::helper::helper;
use crate::args::Skip;
use crate::names;

#[derive(Debug)]
pub(crate) struct Arg<'a> {
    pub(crate) ident: Ident,
    pub(crate) pat: &'a Pat,
    pub(crate) ty: &'a Type,
    pub(crate) skipped: bool,
    /// What is in the key in its place.
    pub(crate) key: Option<Expr>,
}

impl<'a> Arg<'a> {
    pub(super) fn new(typed: &'a PatType, index: usize) -> Self {
        let named = |name: &str| {
            let mut attributes = typed.attrs.iter();
            attributes.find(|attribute| helper(attribute.path()) == Some(name))
        };
        Self {
            ident: argument_name(&typed.pat, index),
            pat: &typed.pat,
            ty: &typed.ty,
            skipped: named("cache_skip").is_some(),
            key: named("cache_key").and_then(|attribute| key(attribute).ok()),
        }
    }

    /// Whether it is in the key as it is, or converted.
    pub(crate) fn is_keyed_itself(&self) -> bool {
        !self.skipped && self.key.is_none()
    }

    /// Skips it if the block lists its name.
    pub(super) fn skip(&mut self, skip: &Skip) {
        self.skipped |= self.name().is_some_and(|name| skip.0.has(&name));
    }

    /// The one name that it has in the method: `pool` of `State(pool): State<Pool>`.
    pub(crate) fn name(&self) -> Option<Ident> {
        match &bindings(self.pat)[..] {
            [name] => Some(name.clone()),
            _ => None,
        }
    }
}

/// The arguments behind the receiver.
pub(crate) fn typed(item: &ImplItemFn) -> impl Iterator<Item = &PatType> {
    item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}

/// Reads `#[cache_key(ctx.actor_id())]`.
pub(crate) fn key(attribute: &Attribute) -> Result<Expr, Error> {
    let form = "`#[cache_key]` needs an expression of the argument, which is then in the key in its place, such as \
                `#[cache_key(ctx.actor_id())]`";
    let list = attribute.meta.require_list();
    let list = list.map_err(|_| Error::new_spanned(attribute, form))?;
    if list.tokens.is_empty() {
        return Err(Error::new_spanned(attribute, form));
    }
    list.parse_args()
}

/// The user's name where there is one, so that documentation shows it; else one of ours.
fn argument_name(pattern: &Pat, index: usize) -> Ident {
    match pattern {
        Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => {
            ident.ident.clone()
        }
        _ => names::argument(index),
    }
}

/// The names that a pattern gives.
pub(crate) fn bindings(pattern: &Pat) -> Vec<Ident> {
    struct Collect(Vec<Ident>);
    impl Visit<'_> for Collect {
        fn visit_pat_ident(&mut self, found: &PatIdent) {
            self.0.push(found.ident.clone());
            visit::visit_pat_ident(self, found);
        }
    }
    let mut collect = Collect(Vec::new());
    collect.visit_pat(pattern);
    collect.0
}
