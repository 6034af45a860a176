//! Tags: names with values that entries are grouped by across methods, and their digests.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ciborium::Value;
use serde::Serialize;
use sha1::{Digest as _, Sha1};

use super::canonical::Canonical;
use super::digest::framed;
use crate::error::{Error, ErrorKind};

/// How many tags an entry may have. With more, its call bypasses the cache.
pub(crate) const MOST_TAGS: usize = 1000;

/// The tags of an entry, each a name and a value: what `tags_fn` returns.
///
/// ```
/// use redis_func_cache::Tags;
///
/// struct Order { id: u64, customer: u64, products: Vec<u64> }
///
/// fn tags_of(order: &Order) -> Tags {
///     let mut tags = Tags::new().with("customer", &order.customer);
///     for product in &order.products {
///         tags = tags.with("product", product);
///     }
///     tags
/// }
/// # tags_of(&Order { id: 1, customer: 2, products: vec![3] });
/// ```
///
/// Values are compared by what they say, whatever their types: `7u8`, `7i64` and `UserId(7)` are one value. A name may be
/// any text. An entry has at most 1,000 tags: with more, or with a value whose `Serialize` fails or panics, it is not
/// stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tags {
    ids: Vec<TagId>,
    problem: Option<Cow<'static, str>>,
}

/// The digest of a tag's name and value. Two tags with one digest would be invalidated together, and no more.
pub(crate) type TagId = u64;

/// A tag that is invalidated. It keeps its name, which the store finds the pairs by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag {
    pub(crate) name: Arc<str>,
    pub(crate) id: TagId,
}

/// The tags of an entry; `None` where its method has no tags at all.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct TagIds(Option<Arc<[TagId]>>);

const FORMAT: &[u8] = b"func-cache-tag/1";

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tag.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        if self.problem.is_some() {
            return self;
        }
        match id(name, value) {
            Ok(_) if self.ids.len() >= MOST_TAGS => {
                let problem =
                    format!("there are more than {MOST_TAGS} tags; use fewer and coarser ones");
                self.problem = Some(problem.into());
            }
            Ok(id) if self.ids.contains(&id) => {}
            Ok(id) => self.ids.push(id),
            Err(error) => self.problem = Some(error),
        }
        self
    }

    /// What an entry is stored with.
    ///
    /// # Errors
    /// A value cannot be serialized, or there are too many tags.
    pub(crate) fn ids(self) -> Result<TagIds, Error> {
        match self.problem {
            Some(problem) => Err(Error::new(ErrorKind::Key, problem)),
            None => Ok(TagIds::of(&self.ids)),
        }
    }
}

impl Tag {
    /// # Errors
    /// The value cannot be serialized.
    pub(crate) fn new<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Self, Error> {
        match id(name, value) {
            Ok(id) => Ok(Self {
                name: name.into(),
                id,
            }),
            Err(problem) => Err(Error::new(ErrorKind::Key, problem)),
        }
    }
}

impl TagIds {
    /// Of a method without tags.
    pub(crate) const NONE: Self = Self(None);

    /// Of a method that has some, whatever this entry has. Allocates nothing.
    pub(crate) fn none_yet() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn of(ids: &[TagId]) -> Self {
        Self(Some(ids.into()))
    }

    /// Whether the method may have tags, though this entry may have none.
    #[inline]
    pub(crate) fn are_declared(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[TagId] {
        self.0.as_deref().unwrap_or_default()
    }

    /// These and others.
    pub(crate) fn and(&self, more: &Self) -> Self {
        if more.as_slice().is_empty() {
            return self.clone();
        }
        Self::of(&[self.as_slice(), more.as_slice()].concat())
    }
}

fn id<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<TagId, Cow<'static, str>> {
    let mut bytes = Vec::new();
    // By way of a CBOR value, in which a number has no type and a newtype is what it wraps. A `Serialize` of the user
    // may panic.
    let serialize = AssertUnwindSafe(|| {
        let value = Value::serialized(value).ok()?;
        value.serialize(Canonical::new(&mut bytes)).ok()
    });
    match catch_unwind(serialize) {
        Ok(Some(())) => {}
        // Its message may hold a part of the value.
        Ok(None) => {
            return Err(format!("the value of the tag `{name}` cannot be serialized").into());
        }
        Err(_) => {
            return Err(
                format!("the `Serialize` of the value of the tag `{name}` panicked").into(),
            );
        }
    }
    let digest = Sha1::digest(framed(&[FORMAT, name.as_bytes(), &bytes]));
    Ok(u64::from_le_bytes(
        *digest.first_chunk().expect("it has 20 bytes"),
    ))
}

// Values are not for logs.
impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tags")
            .field("tags", &self.ids.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TagIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = self.0.as_ref().map(|tags| tags.len());
        f.debug_tuple("TagIds").field(&tags).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serializer;

    use super::*;

    struct Fails;

    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }

    struct Panics;

    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("no")
        }
    }

    fn ids(tags: Tags) -> Vec<TagId> {
        tags.ids().unwrap().as_slice().to_vec()
    }

    #[test]
    fn tags_differ_by_names_and_values() {
        let tags = [
            ("a", "b"),
            ("ab", ""),
            ("", "ab"),
            ("a", "c"),
            ("b", "b"),
            ("{a}", "b"),
            ("a:", "b"),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in tags {
            assert!(seen.insert(ids(Tags::new().with(name, value))));
        }
        let number = ids(Tags::new().with("user", &7u8));
        assert_eq!(number, ids(Tags::new().with("user", &7u64)));
        assert_ne!(number, ids(Tags::new().with("user", "7")));
        assert_eq!(ids(Tags::new().with("a", "b").with("a", "b")).len(), 1);
        assert_eq!(Tag::new("user", &7).unwrap().id, number[0]);
    }

    #[test]
    fn what_has_no_canonical_form_and_too_many_tags_are_errors() {
        assert!(Tags::new().with("a", &1).with("b", &Fails).ids().is_err());
        assert!(Tags::new().with("b", &Panics).ids().is_err());
        assert!(Tag::new("b", &Fails).is_err());
        let many = |n: usize| (0..n).fold(Tags::new(), |tags, i| tags.with("a", &i));
        assert_eq!(ids(many(MOST_TAGS)).len(), MOST_TAGS);
        assert!(many(MOST_TAGS + 1).ids().is_err());
    }
}
