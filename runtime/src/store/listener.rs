//! Waiting for the end of another process's computation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::key::digest::Field;

/// The listeners, by the field whose computation they wait for.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<HashMap<Field, FieldListeners>>);

#[derive(Debug, Default)]
struct FieldListeners {
    notify: Arc<Notify>,
    listeners: usize,
}

/// Hears when the lease of a field ends. Messages may be lost, so a caller also looks after a while.
pub(crate) struct Listener {
    all: Arc<Listeners>,
    field: Field,
    notify: Arc<Notify>,
}

impl Listeners {
    pub(crate) fn listen(self: &Arc<Self>, field: Field) -> Listener {
        let mut entries = self.entries();
        let entry = entries.entry(field).or_default();
        entry.listeners += 1;
        Listener {
            all: self.clone(),
            field,
            notify: entry.notify.clone(),
        }
    }

    pub(crate) fn wake(&self, field: Field) {
        if let Some(entry) = self.entries().get(&field) {
            entry.notify.notify_waiters();
        }
    }

    /// Messages may have been lost.
    pub(crate) fn wake_all(&self) {
        for entry in self.entries().values() {
            entry.notify.notify_waiters();
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Field, FieldListeners>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Ends with the first message after this call, whether it is awaited yet or not.
    pub(crate) fn heard(&self) -> OwnedNotified {
        self.notify.clone().notified_owned()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut entries = self.all.entries();
        if let Some(entry) = entries.get_mut(&self.field) {
            entry.listeners -= 1;
            if entry.listeners == 0 {
                entries.remove(&self.field);
            }
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
