//! The attributes inside a block: `#[cache]`, `#[nocache]`, `#[invalidates]`, `#[cache_skip]`.

use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemFn, ItemImpl, Meta, Path, Signature, Token,
};

use super::invalidates::{Writes, invalidates, updates};

/// What only `#[cache_impl]` understands.
const HELPERS: [&str; 6] = [
    "cache",
    "nocache",
    "cache_skip",
    "cache_key",
    "invalidates",
    "updates",
];

/// The helpers on one method.
#[derive(Debug, Default)]
pub(crate) struct Helpers<'a> {
    pub(crate) cache: Option<&'a Attribute>,
    pub(crate) nocache: Option<&'a Attribute>,
    pub(crate) invalidates: Option<&'a Attribute>,
    pub(crate) updates: Option<&'a Attribute>,
}

/// Which helper an attribute is, with or without the name of the crate in front.
pub(crate) fn helper(attribute: &Path) -> Option<&'static str> {
    let segments = &attribute.segments;
    let is_ours = segments.len() == 1 || segments[0].ident == "redis_func_cache";
    let last = &segments.last()?.ident;
    HELPERS.into_iter().find(|helper| is_ours && last == helper)
}

/// The helper inside of a `cfg_attr`, which is evaluated after us.
pub(crate) fn late(attribute: &Attribute) -> Option<&'static str> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let list = attribute.meta.require_list().ok()?;
    let inside = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let mut attributes = inside.ok()?.into_iter().skip(1);
    attributes.find_map(|attribute| helper(attribute.path()))
}

/// Removes the helpers: no other macro knows them.
pub(crate) fn strip(block: &mut ItemImpl) {
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            strip_from(&mut method.attrs, &mut method.sig);
        }
    }
}

/// The same from a function.
pub(crate) fn strip_function(function: &mut ItemFn) {
    strip_from(&mut function.attrs, &mut function.sig);
}

fn strip_from(attributes: &mut Vec<Attribute>, signature: &mut Signature) {
    let is_foreign =
        |attribute: &Attribute| helper(attribute.path()).is_none() && late(attribute).is_none();
    attributes.retain(is_foreign);
    for argument in &mut signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => receiver.attrs.retain(is_foreign),
            FnArg::Typed(typed) => typed.attrs.retain(is_foreign),
        }
    }
}

impl<'a> Helpers<'a> {
    pub(crate) fn new(item: &'a ImplItemFn) -> Result<Self, Error> {
        let mut helpers = Self::default();
        for attribute in &item.attrs {
            let Some(name) = helper(attribute.path()) else {
                continue;
            };
            let place = match name {
                "cache" => &mut helpers.cache,
                "nocache" => &mut helpers.nocache,
                "invalidates" => &mut helpers.invalidates,
                "updates" => &mut helpers.updates,
                "cache_key" => {
                    return Err(Error::new_spanned(
                        attribute,
                        "`#[cache_key]` belongs on an argument; for `self` write `self_key = …` on the block",
                    ));
                }
                _ => {
                    return Err(Error::new_spanned(
                        attribute,
                        "`#[cache_skip]` belongs on an argument; for a whole method write `#[nocache]`",
                    ));
                }
            };
            if place.replace(attribute).is_some() {
                return Err(Error::new_spanned(
                    attribute,
                    format!("duplicate `#[{name}]`; keep one of them"),
                ));
            }
        }
        helpers.fit_each_other()?;
        Ok(helpers)
    }

    fn fit_each_other(&self) -> Result<(), Error> {
        let Some(nocache) = self.nocache else {
            return Ok(());
        };
        if self.cache.is_some() {
            return Err(Error::new_spanned(
                nocache,
                "`#[nocache]` and `#[cache]` contradict each other; keep one of them",
            ));
        }
        match &nocache.meta {
            Meta::Path(_) => Ok(()),
            meta => Err(Error::new_spanned(
                meta,
                "`#[nocache]` takes no arguments; write `#[nocache]`",
            )),
        }
    }

    /// What the method does to entries, if it says so.
    ///
    /// # Errors
    /// An attribute that cannot be read.
    pub(crate) fn writes(&self) -> Result<Option<Writes>, Error> {
        if self.invalidates.or(self.updates).is_none() {
            return Ok(None);
        }
        let invalidates = self.invalidates.map(invalidates).transpose()?;
        let (invalidates, tags) = invalidates.unwrap_or_default();
        let updates = self.updates.map(updates).transpose()?;
        Ok(Some(Writes {
            invalidates,
            updates: updates.unwrap_or_default(),
            tags,
        }))
    }

    /// For what has no call to cache or to follow up.
    pub(crate) fn without_effect(&self, message: &str) -> Result<(), Error> {
        match self.cache.or(self.invalidates).or(self.updates) {
            Some(attribute) => Err(Error::new_spanned(attribute, message)),
            None => Ok(()),
        }
    }
}
