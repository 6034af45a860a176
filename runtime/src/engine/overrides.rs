//! What is set while the process runs: the kill switch, and settings of single methods.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use crate::error::Error;
use crate::method::bound::BoundMethod;

/// A typing error is found up to this length.
const LONGEST_SITE: usize = 512;
/// Other sites that an error names.
const SUGGESTIONS: usize = 3;

/// It is kept across a fork.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    is_disabled: AtomicBool,
    methods: Mutex<BTreeMap<String, MethodOverride>>,
}

/// `None` where the method's own setting holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MethodOverride {
    ttl_ms: Option<u64>,
    maxsize: Option<u64>,
}

impl Overrides {
    #[inline]
    pub(super) fn is_disabled(&self) -> bool {
        self.is_disabled.load(Ordering::Relaxed)
    }

    fn of(&self, site: &str) -> Option<MethodOverride> {
        let methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        methods.get(site).copied()
    }

    fn change(&self, site: &str, change: impl FnOnce(&mut MethodOverride)) {
        let mut methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        change(methods.entry(site.to_owned()).or_default());
    }
}

impl Engine {
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        !self.0.overrides.is_disabled()
    }

    /// Returns whether that changes anything.
    pub(crate) fn set_enabled(&self, is_enabled: bool) -> bool {
        let is_disabled = &self.0.overrides.is_disabled;
        is_disabled.swap(!is_enabled, Ordering::Relaxed) == is_enabled
    }

    /// Returns what it was, as milliseconds.
    ///
    /// # Errors
    /// No method has this path.
    pub(crate) fn set_ttl(&self, site: &str, ttl_ms: u64) -> Result<u64, Error> {
        let methods = self.methods_at(site)?;
        let set = |set: &mut MethodOverride| set.ttl_ms = Some(ttl_ms);
        self.0.overrides.change(site, set);
        let before = methods.iter().map(|bound| bound.set_ttl(ttl_ms));
        Ok(before.max().unwrap_or_default())
    }

    /// Returns what it was.
    ///
    /// # Errors
    /// No method has this path.
    pub(crate) fn set_maxsize(&self, site: &str, maxsize: u64) -> Result<u64, Error> {
        let methods = self.methods_at(site)?;
        let set = |set: &mut MethodOverride| set.maxsize = Some(maxsize);
        self.0.overrides.change(site, set);
        let maxsizes = &self.state().maxsizes;
        let before = methods
            .iter()
            .filter_map(|bound| maxsizes.set(&bound.pair.stem, maxsize));
        Ok(before.max().unwrap_or_default())
    }

    /// A method is bound after a setting of its path: with another type's parameters, or in a child process.
    pub(super) fn apply_overrides(&self, bound: &BoundMethod) {
        let Some(set) = self.0.overrides.of(&bound.site) else {
            return;
        };
        if let Some(ttl_ms) = set.ttl_ms {
            bound.set_ttl(ttl_ms);
        }
        if let Some(maxsize) = set.maxsize {
            self.state().maxsizes.set(&bound.pair.stem, maxsize);
        }
    }

    fn methods_at(&self, site: &str) -> Result<Vec<Arc<BoundMethod>>, Error> {
        let (found, others): (Vec<_>, Vec<_>) = self
            .methods()
            .into_iter()
            .partition(|bound| bound.site == site);
        if found.is_empty() {
            return Err(unknown(site, others.iter().map(|bound| &*bound.site)));
        }
        Ok(found)
    }
}

fn unknown<'s>(site: &str, known: impl Iterator<Item = &'s str>) -> Error {
    let shown: String = site.chars().take(LONGEST_SITE).collect();
    let mut near: Vec<_> = known
        .map(|other| (distance(&shown, other), other))
        .collect();
    near.sort_unstable();
    near.dedup();
    let near: Vec<_> = near
        .iter()
        .take(SUGGESTIONS)
        .map(|(_, other)| format!("`{other}`"))
        .collect();
    let instead = match near.as_slice() {
        [] => "none has been called yet".to_owned(),
        near => format!("write {}", near.join(" or ")),
    };
    Error::config(format!(
        "no method `{shown}` was called through this cache in this process: {instead} (`method_stats()` has them all)"
    ))
}

/// How many characters differ (Levenshtein). A site that ends like the other one is nearer than by that.
fn distance(one: &str, other: &str) -> usize {
    let last = |site: &str| site.rsplit("::").next().map(str::to_owned);
    let other_chars: Vec<_> = other.chars().collect();
    let mut row: Vec<_> = (0..=other_chars.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other_chars.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    let edits = row[other_chars.len()];
    if last(one) == last(other) {
        return edits / 2;
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_site_names_the_nearest_ones() {
        let known = ["shop::Users::find", "shop::Users::search", "shop::Cart::of"];
        let error = |site| unknown(site, known.into_iter()).to_string();
        assert!(error("shop::Users::fnd").contains("write `shop::Users::find`"));
        assert!(error("search").contains("write `shop::Users::search`"));
        assert!(
            unknown("x", [].into_iter())
                .to_string()
                .contains("none has been called yet")
        );
        assert!(error(&"x".repeat(1 << 16)).len() < 1000);
    }
}
