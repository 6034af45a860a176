//! Entries that are to be invalidated, and are not yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::key::digest::{Field, FieldSet};
use crate::method::bound::BoundMethod;

/// What is invalidated of a method.
#[derive(Debug, Clone)]
pub(crate) enum MethodEntries {
    All,
    Of(FieldSet),
}

impl MethodEntries {
    pub(crate) fn of(field: Field) -> Self {
        Self::Of(FieldSet::from_iter([field]))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Of(fields), Self::Of(more)) => fields.extend(more),
            (Self::All, _) | (_, Self::All) => *self = Self::All,
        }
    }

    fn contains(&self, field: Field) -> bool {
        match self {
            Self::All => true,
            Self::Of(fields) => fields.contains(&field),
        }
    }

    /// How many entries it names one by one.
    pub(crate) fn named(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Of(fields) => fields.len(),
        }
    }
}

/// Entries that are to be invalidated, by the addresses of their methods.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingEntries(HashMap<usize, (Arc<BoundMethod>, MethodEntries)>);

fn address(bound: &BoundMethod) -> usize {
    std::ptr::from_ref(bound).addr()
}

impl PendingEntries {
    pub(crate) fn add(&mut self, bound: Arc<BoundMethod>, entries: MethodEntries) {
        match self.0.entry(address(&bound)) {
            Entry::Occupied(mut known) => known.get_mut().1.extend(entries),
            Entry::Vacant(vacant) => drop(vacant.insert((bound, entries))),
        }
    }

    pub(crate) fn extend(&mut self, more: Self) {
        for (bound, entries) in more.0.into_values() {
            self.add(bound, entries);
        }
    }

    pub(crate) fn contains(&self, bound: &BoundMethod, field: Field) -> bool {
        let of_method = self.0.get(&address(bound));
        of_method.is_some_and(|(_, entries)| entries.contains(field))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries are named one by one.
    pub(crate) fn named(&self) -> usize {
        let methods = self.0.values();
        methods.map(|(_, entries)| entries.named()).sum()
    }

    /// Leaves out an entry that is named alone.
    pub(crate) fn leave_out(&mut self, bound: &BoundMethod, field: Field) {
        let Some((_, MethodEntries::Of(fields))) = self.0.get_mut(&address(bound)) else {
            return;
        };
        fields.remove(&field);
        if fields.is_empty() {
            self.remove(bound);
        }
    }

    pub(crate) fn remove(&mut self, bound: &BoundMethod) {
        self.0.remove(&address(bound));
    }

    /// Names the method that has the most entries here as a whole.
    pub(crate) fn widen(&mut self) {
        let methods = self.0.values_mut();
        if let Some((_, entries)) = methods.max_by_key(|(_, entries)| entries.named()) {
            *entries = MethodEntries::All;
        }
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = &(Arc<BoundMethod>, MethodEntries)> {
        self.0.values()
    }

    pub(crate) fn into_methods(self) -> impl Iterator<Item = (Arc<BoundMethod>, MethodEntries)> {
        self.0.into_values()
    }
}
