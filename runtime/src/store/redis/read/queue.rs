//! The reads of a pair that wait to be sent, where there is no pipeline.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::Error;
use crate::store::{EntryOf, LookupReply};

/// Requests of one pair that are sent at the same time.
const READERS: usize = 2;
/// Fields of one request.
const BATCH: usize = 256;
/// Callers that may wait for one pair; more than that are refused.
const LONGEST_QUEUE: usize = 16_384;

/// The callers that wait for reads of a pair.
#[derive(Debug, Default)]
pub(crate) struct ReadQueue(Mutex<QueueState>);

#[derive(Debug, Default)]
struct QueueState {
    waiting: Vec<QueuedRead>,
    /// Requests under way, those of lone reads included.
    readers: usize,
    lone: Vec<LoneRead>,
    next_id: u64,
}

#[derive(Debug)]
pub(super) struct QueuedRead {
    pub(super) wanted: EntryOf,
    pub(super) until: Instant,
    pub(super) reply: ReplySender,
}

pub(super) type ReplySender = oneshot::Sender<Result<LookupReply, Error>>;
pub(super) type ReplyReceiver = oneshot::Receiver<Result<LookupReply, Error>>;

/// A caller that asks for its own field.
#[derive(Debug)]
struct LoneRead {
    id: u64,
    until: Instant,
    /// Dropped at the timeout, which ends the wait.
    _in_time: oneshot::Sender<()>,
}

/// What a caller does in a lane.
pub(super) enum ReadTurn {
    /// It asks for its own field: no other call waits.
    Lone(u64, oneshot::Receiver<()>),
    /// It waits for a later request, because enough are under way.
    Queued(ReplyReceiver),
}

impl ReadQueue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a read; `true` if a reader has to start.
    pub(super) fn push(&self, read: QueuedRead) -> Result<bool, Error> {
        let mut state = self.state();
        state.push(read)?;
        let starts = state.readers < READERS;
        state.readers += usize::from(starts);
        Ok(starts)
    }

    /// Reads alone, or queues where enough requests are under way.
    pub(super) fn take_turn(&self, wanted: EntryOf, until: Instant) -> Result<ReadTurn, Error> {
        let mut state = self.state();
        if state.readers < READERS {
            let (in_time, out_of_time) = oneshot::channel();
            state.readers += 1;
            state.next_id += 1;
            let id = state.next_id;
            state.lone.push(LoneRead {
                id,
                until,
                _in_time: in_time,
            });
            return Ok(ReadTurn::Lone(id, out_of_time));
        }
        let (reply, receiver) = oneshot::channel();
        state.push(QueuedRead {
            wanted,
            until,
            reply,
        })?;
        Ok(ReadTurn::Queued(receiver))
    }

    /// Ends a lone read; `true` if others wait, for which a reader then has to start in its place.
    pub(super) fn finish_lone(&self, id: u64) -> bool {
        let mut state = self.state();
        let Some(at) = state.lone.iter().position(|lone| lone.id == id) else {
            return false;
        };
        state.lone.swap_remove(at);
        let others = !state.waiting.is_empty();
        state.readers -= usize::from(!others);
        others
    }

    /// Ends the waits of callers that have timed out. Returns whether there were any, and whether
    /// others are left.
    pub(super) fn expire_waiters(&self, now: Instant) -> (bool, bool) {
        let mut state = self.state();
        let before = state.waiting.len() + state.lone.len();
        state.waiting.retain(|read| read.until > now);
        let lone = state.lone.len();
        state.lone.retain(|read| read.until > now);
        state.readers -= lone - state.lone.len();
        let after = state.waiting.len() + state.lone.len();
        (after < before, state.readers > 0 || after > 0)
    }

    /// The reads that wait now, up to a bound. If there are none, the reader has ended.
    pub(super) fn next_batch(&self) -> Option<Vec<QueuedRead>> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            state.readers -= 1;
            return None;
        }
        let most = state.waiting.len().min(BATCH);
        let rest = state.waiting.split_off(most);
        Some(std::mem::replace(&mut state.waiting, rest))
    }

    /// Ends a reader that will not come back for those that wait: their reads fail.
    pub(super) fn abort_reader(&self) {
        let mut state = self.state();
        state.readers -= 1;
        state.waiting.clear();
    }
}

impl QueueState {
    fn push(&mut self, read: QueuedRead) -> Result<(), Error> {
        if self.waiting.len() >= LONGEST_QUEUE {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        self.waiting.push(read);
        Ok(())
    }
}
