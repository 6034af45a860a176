//! The entries that are being discarded.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::digest::Field;

/// Each holds a copy of an entry: a process that floods a pair with garbage must not fill our memory.
const MOST: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Discards(Mutex<HashSet<Field>>);

/// One discard, until it is dropped.
pub(super) struct DiscardSlot {
    discards: Arc<Discards>,
    field: Field,
}

impl Discards {
    fn fields(&self) -> MutexGuard<'_, HashSet<Field>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot, unless there are none left or the field has one.
    pub(super) fn slot(self: &Arc<Self>, field: Field) -> Option<DiscardSlot> {
        let mut fields = self.fields();
        (fields.len() < MOST && fields.insert(field)).then(|| DiscardSlot {
            discards: self.clone(),
            field,
        })
    }
}

impl Drop for DiscardSlot {
    fn drop(&mut self) {
        self.discards.fields().remove(&self.field);
    }
}
