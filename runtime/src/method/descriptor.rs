//! A method as generated code declares it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::bound::BoundMethod;
use super::enclosing::Enclosing;
use super::options::Options;
use crate::entry::codec::Codec;
use crate::policy::Policy;

/// What a binding is made from.
pub(crate) struct Declaration<'m> {
    /// In logs and statistics.
    pub(crate) site: Cow<'static, str>,
    /// In keys.
    pub(crate) full_site: Cow<'m, str>,
    /// In names of keys.
    pub(crate) name: &'m str,
    pub(crate) fingerprint: [u8; 20],
    pub(crate) options: &'m Options,
    pub(crate) policy: Option<Policy>,
    pub(crate) codec: Option<Codec>,
    pub(crate) version: &'m str,
    /// Its path, if a name stands in keys in place of that.
    pub(crate) named_path: Option<Cow<'static, str>>,
}

/// What the macro knows of a method. One `static` each.
#[derive(Debug)]
pub struct Method {
    path: &'static str,
    /// In place of the path.
    named: Option<&'static str>,
    name: &'static str,
    fingerprint: [u8; 20],
    options: Options,
    enclosing: Option<Enclosing>,
    /// The binding to the first cache that used this method; others are found in their registry.
    first: OnceLock<(u64, Arc<BoundMethod>)>,
}

impl Method {
    /// Declares a method.
    pub const fn new(
        path: &'static str,
        name: &'static str,
        fingerprint: [u8; 20],
        options: Options,
    ) -> Self {
        Self {
            path,
            named: None,
            name,
            fingerprint,
            options,
            enclosing: None,
            first: OnceLock::new(),
        }
    }

    /// Says where the block stands: `T` is a type in it, `in_module` its path if no function is around
    /// it. Methods of types of one name in two functions are then two.
    #[must_use]
    pub const fn within<T>(mut self, in_module: &'static str) -> Self {
        self.enclosing = Some(Enclosing::of::<T>(in_module));
        self
    }

    /// Gives it a name that stands in its keys in place of its path, so that both may change.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.named = Some(name);
        self.name = name;
        self
    }

    /// Its path, and the function around it.
    fn full_path(&self) -> Cow<'static, str> {
        match self.enclosing.and_then(Enclosing::function) {
            Some(function) => Cow::Owned(format!("{} in {function}", self.path)),
            None => Cow::Borrowed(self.path),
        }
    }

    pub(crate) fn declaration(&self) -> Declaration<'_> {
        let (full_site, named_path) = match self.named {
            // A path begins with the name of its crate and `::`.
            Some(name) => (
                Cow::Owned(format!("method \"{name}\"")),
                Some(self.full_path()),
            ),
            None => (self.full_path(), None),
        };
        Declaration {
            site: Cow::Borrowed(self.site()),
            full_site,
            named_path,
            name: self.name,
            fingerprint: self.fingerprint,
            options: &self.options,
            policy: self.options.policy.map(|policy| policy()),
            codec: self.options.codec.map(|codec| codec()),
            version: self.options.version,
        }
    }

    pub(crate) fn site(&self) -> &'static str {
        self.named.unwrap_or(self.path)
    }

    /// The binding to this cache, if it was the first.
    pub(crate) fn bound_to(&'static self, cache: u64) -> Option<&'static Arc<BoundMethod>> {
        self.first
            .get()
            .filter(|(id, _)| *id == cache)
            .map(|(_, bound)| bound)
    }

    /// Remembers the binding if it is the first.
    pub(crate) fn remember(&self, cache: u64, bound: &Arc<BoundMethod>) {
        // Another cache came first: the registry of the cache is the way then.
        let _ = self.first.set((cache, bound.clone()));
    }
}
