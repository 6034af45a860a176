//! Declared invalidations that could not be sent: they wait here until the store has taken them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::pending::{MethodEntries, PendingEntries, PendingTags};
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::method::bound::BoundMethod;

/// What the queue of one cache holds. Calls do not read what is in it from the store.
#[derive(Debug, Default)]
pub(crate) struct InvalidationQueue {
    state: Mutex<InvalidationQueueState>,
    /// Whether there is anything in it: calls look here first.
    is_used: AtomicBool,
    /// It is to be sent now.
    pub(crate) hurry: Notify,
    /// Something was sent.
    pub(crate) progress: Notify,
}

#[derive(Debug, Default)]
struct InvalidationQueueState {
    waiting: PendingEntries,
    /// What is being sent. An invalidation of the same entry that comes meanwhile waits beside it.
    sending: PendingEntries,
    has_sender: bool,
    is_closed: bool,
}

/// What became of an invalidation that could not be sent.
#[derive(Debug)]
pub(crate) enum QueueReply {
    Queued,
    /// It is the caller who has to start the task that sends.
    NeedsSender,
    /// The cache was closed: it is lost.
    Refused,
}

impl InvalidationQueue {
    fn state(&self) -> MutexGuard<'_, InvalidationQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an invalidation. Beyond `at_most` entries and tags, methods and tags are named as a whole.
    pub(crate) fn add(&self, add: impl FnOnce(&mut PendingEntries), at_most: usize) -> QueueReply {
        let mut state = self.state();
        if state.is_closed {
            return QueueReply::Refused;
        }
        add(&mut state.waiting);
        while state.waiting.named() > 0 && state.waiting.named() + state.sending.named() > at_most {
            state.waiting.widen();
        }
        self.is_used.store(true, Ordering::SeqCst);
        if std::mem::replace(&mut state.has_sender, true) {
            QueueReply::Queued
        } else {
            QueueReply::NeedsSender
        }
    }

    #[inline]
    pub(crate) fn contains(&self, bound: &BoundMethod, field: Field, tags: &TagIds) -> bool {
        self.is_used.load(Ordering::Acquire) && self.finds(bound, field, tags)
    }

    #[cold]
    fn finds(&self, bound: &BoundMethod, field: Field, tags: &TagIds) -> bool {
        let state = self.state();
        [&state.waiting, &state.sending]
            .iter()
            .any(|pending| pending.contains(bound, field, tags))
    }

    /// What is to be sent now; `None` if there is nothing, and the task may end.
    pub(crate) fn take(&self) -> Option<PendingEntries> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            state.has_sender = false;
            self.is_used.store(false, Ordering::SeqCst);
            return None;
        }
        state.sending = std::mem::take(&mut state.waiting);
        Some(state.sending.clone())
    }

    /// The store has taken it, or has not: then it waits for the next time.
    pub(crate) fn sent(&self, bound: &Arc<BoundMethod>, unsent: Option<MethodEntries>) {
        let mut state = self.state();
        state.sending.remove(bound);
        if let Some(entries) = unsent.filter(|_| !state.is_closed) {
            state.waiting.add(bound.clone(), entries);
        }
        drop(state);
        self.progress.notify_waiters();
    }

    /// The same of the tags.
    pub(crate) fn sent_tags(&self, unsent: Option<PendingTags>) {
        let mut state = self.state();
        state.sending.forget_tags();
        if let Some(tags) = unsent.filter(|_| !state.is_closed) {
            state.waiting.add_tags(tags);
        }
        drop(state);
        self.progress.notify_waiters();
    }

    /// There is no task that sends.
    pub(crate) fn end_sender(&self) {
        self.state().has_sender = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.sending.is_empty()
    }

    /// Takes no more, and returns what could not be sent.
    pub(crate) fn close(&self) -> PendingEntries {
        let mut state = self.state();
        state.is_closed = true;
        let mut unsent = std::mem::take(&mut state.waiting);
        unsent.extend(std::mem::take(&mut state.sending));
        self.is_used.store(false, Ordering::SeqCst);
        drop(state);
        self.hurry.notify_waiters();
        unsent
    }
}
