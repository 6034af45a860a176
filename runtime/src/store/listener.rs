//! Waiting for the end of somebody else's computation.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, oneshot};

use crate::key::digest::Field;
use crate::rt::background::spawn;

/// Who waits for the computation of which field.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<HashMap<Field, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    notify: Arc<Notify>,
    listeners: usize,
}

/// Hears when the lease of a field ends. Messages may be lost: one looks again after a while.
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

    fn entries(&self) -> MutexGuard<'_, HashMap<Field, Entry>> {
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

/// Waits for an event, but not longer than this. It needs no runtime around it.
pub(crate) async fn within(at_most: Duration, event: impl Future<Output = ()>) {
    let (mut tell, told) = oneshot::channel::<()>();
    let timer = async move {
        // Ends early where nobody waits any more.
        let _ = tokio::time::timeout(at_most, tell.closed()).await;
    };
    if spawn(timer).is_err() {
        return;
    }
    let (mut event, mut told) = (pin!(event), pin!(told));
    poll_fn(|context| match event.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => told.as_mut().poll(context).map(|_| ()),
    })
    .await;
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
