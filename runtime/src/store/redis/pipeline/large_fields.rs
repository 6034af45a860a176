//! The fields whose entries were large when they were last read.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::digest::Field;

/// From this size on an entry takes the server and the socket longer than a whole batch of small
/// ones does.
pub(crate) const LARGE: usize = 64 << 10;
/// Fields that are remembered; past that all are forgotten, and found large again.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct LargeFields {
    any: AtomicBool,
    fields: Mutex<HashSet<Field>>,
}

impl LargeFields {
    pub(crate) fn contains(&self, field: Field) -> bool {
        self.any.load(Ordering::Relaxed) && self.fields().contains(&field)
    }

    /// Remembers a field if its entry is large.
    pub(crate) fn observe(&self, field: Field, bytes: usize) {
        if bytes < LARGE {
            return;
        }
        let mut fields = self.fields();
        if fields.len() >= MOST {
            fields.clear();
        }
        fields.insert(field);
        self.any.store(true, Ordering::Relaxed);
    }

    fn fields(&self) -> MutexGuard<'_, HashSet<Field>> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
