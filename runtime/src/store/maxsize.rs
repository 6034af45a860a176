//! The bound of a pair, which all methods that share the pair have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many entries a pair holds at the most: the largest bound among the methods that share it.
#[derive(Debug)]
pub(crate) struct MaxSize(AtomicU64);

impl MaxSize {
    pub(crate) fn new(entries: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(entries)))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns what it was.
    fn set(&self, entries: u64) -> u64 {
        self.0.swap(entries, Ordering::Relaxed)
    }
}

/// The bounds of the pairs of one cache, by their stems.
#[derive(Debug, Default)]
pub(crate) struct MaxSizes(Mutex<HashMap<String, SharedBound>>);

#[derive(Debug)]
struct SharedBound {
    maxsize: Arc<MaxSize>,
    has_warned: bool,
    /// It was set at run time, and no method that joins raises it.
    is_set: bool,
}

impl MaxSizes {
    /// The bound of a pair that a method joins with a bound of its own.
    pub(crate) fn join(&self, stem: &str, site: &str, said: u64) -> Arc<MaxSize> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shared) = pairs.get_mut(stem) else {
            let maxsize = MaxSize::new(said);
            let shared = SharedBound {
                maxsize: maxsize.clone(),
                has_warned: false,
                is_set: false,
            };
            pairs.insert(stem.to_owned(), shared);
            return maxsize;
        };
        let maxsize = shared.maxsize.clone();
        if shared.is_set {
            return maxsize;
        }
        let before = maxsize.0.fetch_max(said, Ordering::Relaxed);
        let is_first = before != said && !std::mem::replace(&mut shared.has_warned, true);
        drop(pairs);
        if is_first {
            tracing::warn!(
                pair = stem,
                method = site,
                maxsize = said,
                others = before,
                used = before.max(said),
                "redis-func-cache: methods that share a pair of keys have different `maxsize`, and the largest \
                 of them bounds the pair; give them the same one, or remove `single`, and a method that says \
                 `maxsize` has a pair of its own"
            );
        }
        maxsize
    }

    /// Sets the bound of a pair at run time, and returns what it was.
    pub(crate) fn set(&self, stem: &str, entries: u64) -> Option<u64> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = pairs.get_mut(stem)?;
        shared.is_set = true;
        Some(shared.maxsize.set(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_holds_what_the_largest_bound_allows() {
        let sizes = MaxSizes::default();
        let first = sizes.join("a", "first", 10);
        assert_eq!(first.get(), 10);
        sizes.join("a", "second", 3);
        assert_eq!(first.get(), 10);
        let third = sizes.join("a", "third", 20);
        assert_eq!((first.get(), third.get()), (20, 20));
        assert_eq!(sizes.join("b", "other", 3).get(), 3);
        assert_eq!(sizes.set("a", 5), Some(20));
        sizes.join("a", "fourth", 30);
        assert_eq!((first.get(), sizes.set("c", 5)), (5, None));
    }
}
