//! Invalidations that are given up.

use std::fmt;
use std::sync::Arc;

use super::pending::MethodEntries;
use crate::error::ErrorKind;
use crate::method::bound::BoundMethod;

/// A declared invalidation that was given up: values from before it may be served until their `ttl`.
///
/// [`CacheBuilder::on_lost_invalidation`](crate::CacheBuilder::on_lost_invalidation) is given it.
#[derive(Debug, Clone)]
pub struct LostInvalidation {
    method: String,
    entries: Option<usize>,
    kind: ErrorKind,
}

impl LostInvalidation {
    pub(crate) fn new(bound: &BoundMethod, entries: &MethodEntries, kind: ErrorKind) -> Self {
        Self {
            method: bound.site.to_string(),
            entries: match entries {
                MethodEntries::All => None,
                MethodEntries::Of(fields) => Some(fields.len()),
            },
            kind,
        }
    }

    /// Of a tag, or of all of them.
    pub(crate) fn of_tag(name: Option<&str>, kind: ErrorKind) -> Self {
        Self {
            method: name.map_or_else(|| "all tags".to_owned(), |name| format!("tag {name}")),
            entries: None,
            kind,
        }
    }

    /// The path of the method whose entries were to be dropped, such as `shop::UserRepo::find`. For entries of a tag it
    /// is `tag`, and the name of that: `tag user`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// How many of its entries; `None` for all of them.
    #[must_use]
    pub fn entries(&self) -> Option<usize> {
        self.entries
    }

    /// Why they could not be dropped.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// What is called with each.
#[derive(Clone)]
pub(crate) struct LossListener(pub(crate) Arc<dyn Fn(&LostInvalidation) + Send + Sync>);

impl Default for LossListener {
    fn default() -> Self {
        Self(Arc::new(|_| {}))
    }
}

impl fmt::Debug for LossListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LossListener").finish_non_exhaustive()
    }
}
