//! The invalidations inside a transaction, which wait for its commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pending::PendingEntries;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::method::bound::BoundMethod;

/// What is invalidated when a scope has ended; `None` once it has.
#[derive(Debug)]
pub(crate) struct TransactionScope(Mutex<Option<PendingEntries>>);

impl TransactionScope {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(PendingEntries::default()))))
    }

    fn pending(&self) -> MutexGuard<'_, Option<PendingEntries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Defers invalidations to the end of the scope. Returns what is to be invalidated now, as the scope has ended.
    pub(crate) fn defer(&self, entries: PendingEntries) -> PendingEntries {
        match &mut *self.pending() {
            Some(pending) => {
                pending.extend(entries);
                PendingEntries::default()
            }
            None => entries,
        }
    }

    pub(crate) fn contains(&self, bound: &BoundMethod, field: Field, tags: &TagIds) -> bool {
        let pending = self.pending();
        let pending = pending.as_ref();
        pending.is_some_and(|pending| pending.contains(bound, field, tags))
    }

    /// Ends the scope, and returns what was deferred.
    pub(crate) fn end(&self) -> PendingEntries {
        self.pending().take().unwrap_or_default()
    }
}
