//! Entries that are to be invalidated, and are not yet.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::key::digest::{Field, FieldSet};
use crate::key::tags::{Tag, TagIds};
use crate::method::bound::BoundMethod;
use crate::store::EndedTags;

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

/// The tags whose entries are invalidated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PendingTags {
    All,
    Of(BTreeSet<Tag>),
}

impl Default for PendingTags {
    fn default() -> Self {
        Self::Of(BTreeSet::new())
    }
}

impl PendingTags {
    pub(crate) fn of(tag: Tag) -> Self {
        Self::Of(BTreeSet::from([tag]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Of(tags) if tags.is_empty())
    }

    fn extend(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Of(tags), Self::Of(more)) => tags.extend(more),
            (Self::All, _) | (_, Self::All) => *self = Self::All,
        }
    }

    fn named(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Of(tags) => tags.len(),
        }
    }

    /// Whether an entry with these tags may be one of theirs. What tags a value has, only the store knows.
    fn concern(&self, bound: &BoundMethod, tags: &TagIds) -> bool {
        if self.is_empty() || !tags.are_declared() {
            return false;
        }
        match self {
            Self::All => true,
            Self::Of(_) if bound.pair.tags.of_values => true,
            Self::Of(ended) => ended.iter().any(|tag| tags.as_slice().contains(&tag.id)),
        }
    }

    /// As the store takes them.
    pub(crate) fn ended(&self) -> EndedTags {
        match self {
            Self::All => EndedTags::All,
            Self::Of(tags) => EndedTags::Of(tags.iter().cloned().collect()),
        }
    }
}

/// Entries that are to be invalidated: by the addresses of their methods, and by tags.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingEntries {
    methods: HashMap<usize, (Arc<BoundMethod>, MethodEntries)>,
    tags: PendingTags,
}

fn address(bound: &BoundMethod) -> usize {
    std::ptr::from_ref(bound).addr()
}

impl PendingEntries {
    pub(crate) fn add(&mut self, bound: Arc<BoundMethod>, entries: MethodEntries) {
        match self.methods.entry(address(&bound)) {
            Entry::Occupied(mut known) => known.get_mut().1.extend(entries),
            Entry::Vacant(vacant) => drop(vacant.insert((bound, entries))),
        }
    }

    pub(crate) fn add_tags(&mut self, tags: PendingTags) {
        self.tags.extend(tags);
    }

    pub(crate) fn extend(&mut self, more: Self) {
        for (bound, entries) in more.methods.into_values() {
            self.add(bound, entries);
        }
        self.add_tags(more.tags);
    }

    pub(crate) fn contains(&self, bound: &BoundMethod, field: Field, tags: &TagIds) -> bool {
        let of_method = self.methods.get(&address(bound));
        of_method.is_some_and(|(_, entries)| entries.contains(field))
            || self.tags.concern(bound, tags)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.tags.is_empty()
    }

    /// How many entries and tags are named one by one.
    pub(crate) fn named(&self) -> usize {
        let methods = self.methods.values();
        let entries: usize = methods.map(|(_, entries)| entries.named()).sum();
        entries + self.tags.named()
    }

    /// Leaves out an entry that is named alone.
    pub(crate) fn leave_out(&mut self, bound: &BoundMethod, field: Field) {
        let Some((_, MethodEntries::Of(fields))) = self.methods.get_mut(&address(bound)) else {
            return;
        };
        fields.remove(&field);
        if fields.is_empty() {
            self.remove(bound);
        }
    }

    pub(crate) fn remove(&mut self, bound: &BoundMethod) {
        self.methods.remove(&address(bound));
    }

    /// Names the method that has the most entries here as a whole, or all tags if there are more of them.
    pub(crate) fn widen(&mut self) {
        let methods = self.methods.values_mut();
        let most = methods.max_by_key(|(_, entries)| entries.named());
        match most {
            Some((_, entries)) if entries.named() >= self.tags.named() => {
                *entries = MethodEntries::All;
            }
            _ => self.tags = PendingTags::All,
        }
    }

    pub(crate) fn forget_tags(&mut self) {
        self.tags = PendingTags::default();
    }

    pub(crate) fn into_parts(
        self,
    ) -> (
        impl Iterator<Item = (Arc<BoundMethod>, MethodEntries)>,
        PendingTags,
    ) {
        (self.methods.into_values(), self.tags)
    }
}
