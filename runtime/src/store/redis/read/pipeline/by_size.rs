//! Two wires, so that a large entry holds back no small ones.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use tokio::runtime::Handle;

use super::{Client, Pipeline, Query, Ticket};
use crate::error::Error;
use crate::key::digest::Field;

/// From this size on an entry takes the server and the socket longer than a whole batch of small
/// ones does.
const LARGE: usize = 64 << 10;
/// Fields that are remembered; past that all are forgotten, and found large again.
const MOST: usize = 4096;

/// The wires of a lane. The one for large entries is opened when the first has been seen.
#[derive(Debug)]
pub(crate) struct PipelinesBySize {
    small: Pipeline,
    large: Pipeline,
    known: Arc<LargeFields>,
}

/// The fields whose entries were large when they were last read.
#[derive(Debug, Default)]
pub(super) struct LargeFields {
    any: AtomicBool,
    fields: Mutex<HashSet<Field>>,
}

impl PipelinesBySize {
    pub(crate) fn new(store: &Arc<Client>) -> Self {
        let known = Arc::<LargeFields>::default();
        Self {
            small: Pipeline::new(store, known.clone()),
            large: Pipeline::new(store, known.clone()),
            known,
        }
    }

    /// Whether there is a connection now. If there is none, an attempt starts behind, on this runtime.
    pub(crate) fn is_up(&self, handle: &Handle) -> bool {
        self.small.is_up(handle)
    }

    /// A seat in the next batch, if there is a connection.
    pub(crate) fn enqueue(&self, ask: &Query<'_>, waker: &Waker) -> Option<Result<Ticket, Error>> {
        if self.known.has(ask.field)
            && let Ok(handle) = Handle::try_current()
            && self.large.is_up(&handle)
        {
            return self.large.enqueue(ask, waker);
        }
        self.small.enqueue(ask, waker)
    }

    /// Wakes calls whose time is over, so that they go. Returns whether anybody is on his way.
    pub(crate) fn expire_waiters(&self, now: Instant) -> bool {
        let small = self.small.expire_waiters(now);
        self.large.expire_waiters(now) || small
    }

    /// Ends the connections; whoever reads next has another one made.
    pub(crate) fn reconnect_now(&self) {
        self.small.reconnect_now();
        self.large.reconnect_now();
    }

    pub(crate) fn close(&self) {
        self.small.close();
        self.large.close();
    }
}

impl LargeFields {
    fn has(&self, field: Field) -> bool {
        self.any.load(Ordering::Relaxed) && self.fields().contains(&field)
    }

    /// Remembers a field whose entry is large.
    pub(super) fn observe(&self, field: Field, bytes: usize) {
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
