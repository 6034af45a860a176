//! The queue of a read pipeline, in shards: a thread always uses the same one.
//!
//! One lock, which all threads took for every read, was the largest item of a hit on the client. The
//! [`io_task`](crate::store::redis::pipeline) visits shard after shard and takes a batch out of each.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::batch::{Batch, Caller, Ticket, disconnected};
use super::query::Query;
use super::request::{FIELDS, ReplyIndex, Request};
use crate::error::Error;
use crate::rt::shard::{SHARDS, shard};
use crate::store::Pair;

/// Callers that may wait in one shard; more than that are refused.
const LONGEST_QUEUE: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct QueueShards {
    shards: [QueueShard; SHARDS],
    /// A bit for each shard in which callers wait.
    nonempty: AtomicU64,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct QueueShard(Mutex<ShardQueue>);

#[derive(Debug, Default)]
struct ShardQueue {
    is_open: bool,
    /// Callers are added to the last one.
    batches: VecDeque<PendingBatch>,
}

/// A batch that has not been sent: the cell, and the callers that will find a reply in it.
#[derive(Debug, Default)]
struct PendingBatch {
    batch: Arc<Batch>,
    pairs: Vec<Arc<Pair>>,
    callers: Vec<Caller>,
}

/// A batch that is sent, and where in the reply its callers find their entries.
pub(super) type SentBatch = (Arc<Batch>, Vec<ReplyIndex>);

impl QueueShards {
    /// Adds a read. Returns a ticket, and whether its caller is the first in its shard: then the I/O
    /// task has to be woken.
    pub(super) fn enqueue(
        &self,
        query: &Query<'_>,
        waker: &Waker,
    ) -> Result<(Ticket, bool), Error> {
        self.push(|queue| queue.push(query, waker))
    }

    /// The same for many reads, in one step.
    pub(super) fn enqueue_all<'q>(
        &self,
        queries: impl Iterator<Item = Query<'q>>,
        waker: &Waker,
    ) -> Result<(Vec<Ticket>, bool), Error> {
        self.push(|queue| queries.map(|query| queue.push(&query, waker)).collect())
    }

    #[inline]
    fn push<T>(&self, push: impl FnOnce(&mut ShardQueue) -> T) -> Result<(T, bool), Error> {
        let at = shard();
        let mut queue = self.shards[at].queue();
        if !queue.is_open {
            return Err(disconnected());
        }
        if queue.len() >= LONGEST_QUEUE {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        let is_first = queue.batches.is_empty();
        let pushed = push(&mut queue);
        if is_first {
            self.nonempty.fetch_or(1 << at, Ordering::SeqCst);
        }
        Ok((pushed, is_first))
    }

    /// Whether callers wait.
    pub(super) fn has_waiters(&self) -> bool {
        self.nonempty.load(Ordering::SeqCst) != 0
    }

    /// Takes out as many batches as fit into one request, from the shards in turn. Returns the
    /// request, and the batches.
    pub(super) fn drain(&self, turn: usize) -> (Request, Vec<SentBatch>) {
        let (mut request, mut batches) = (Request::default(), Vec::new());
        for at in (0..SHARDS).map(|at| (at + turn) % SHARDS) {
            let Some(pending) = self.next(at, FIELDS - request.fields()) else {
                continue;
            };
            batches.push(pending.add_to(&mut request));
        }
        (request, batches)
    }

    /// The next batch of a shard, if it fits.
    fn next(&self, at: usize, room: usize) -> Option<PendingBatch> {
        if self.nonempty.load(Ordering::SeqCst) & (1 << at) == 0 {
            return None;
        }
        let mut queue = self.shards[at].queue();
        let fits = queue
            .batches
            .front()
            .is_some_and(|pending| pending.callers.len() <= room);
        let pending = fits.then(|| queue.batches.pop_front()).flatten();
        if queue.batches.is_empty() {
            self.nonempty.fetch_and(!(1 << at), Ordering::SeqCst);
        }
        pending
    }

    pub(super) fn open(&self) {
        for shard in &self.shards {
            shard.queue().is_open = true;
        }
    }

    /// Refuses callers from now on, and returns the batches of those that wait.
    pub(super) fn close(&self) -> Vec<Arc<Batch>> {
        let mut batches = Vec::new();
        for (at, shard) in self.shards.iter().enumerate() {
            let mut queue = shard.queue();
            queue.is_open = false;
            self.nonempty.fetch_and(!(1 << at), Ordering::SeqCst);
            let pending = queue.batches.drain(..);
            batches.extend(pending.map(|pending| pending.add_to(&mut Request::default()).0));
        }
        batches
    }

    /// Wakes callers that have timed out; returns whether there were any, and whether callers wait.
    pub(super) fn wake_late(&self, now: Instant) -> (bool, bool) {
        let (mut late, mut any) = (Vec::new(), false);
        for shard in &self.shards {
            let mut queue = shard.queue();
            for pending in &mut queue.batches {
                any = true;
                for (at, caller) in pending.callers.iter_mut().enumerate() {
                    if let Some(waker) = caller.take_late(now) {
                        late.extend(pending.batch.take_new_waker(at));
                        late.push(waker);
                    }
                }
            }
        }
        let is_late = !late.is_empty();
        late.into_iter().for_each(Waker::wake);
        (is_late, any)
    }
}

impl QueueShard {
    fn queue(&self) -> MutexGuard<'_, ShardQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardQueue {
    #[inline]
    fn push(&mut self, query: &Query<'_>, waker: &Waker) -> Ticket {
        if self.batches.back().is_none_or(PendingBatch::is_full) {
            self.batches.push_back(PendingBatch::default());
        }
        let pending = self.batches.back_mut().expect("there is one");
        pending.enqueue(query, waker)
    }

    fn len(&self) -> usize {
        let last = self.batches.back();
        let last = last.map_or(0, |pending| pending.callers.len());
        self.batches.len().saturating_sub(1) * FIELDS + last
    }
}

impl PendingBatch {
    fn is_full(&self) -> bool {
        self.callers.len() >= FIELDS
    }

    fn enqueue(&mut self, query: &Query<'_>, waker: &Waker) -> Ticket {
        let known = self
            .pairs
            .iter()
            .rposition(|pair| Arc::ptr_eq(pair, query.pair));
        let pair = known.unwrap_or_else(|| {
            self.pairs.push(query.pair.clone());
            self.pairs.len() - 1
        });
        self.callers.push(Caller::new(query, pair, waker));
        self.batch.ticket(self.callers.len() - 1)
    }

    /// Adds the fields of its callers to a request.
    fn add_to(self, request: &mut Request) -> SentBatch {
        let callers = self.callers.iter();
        let indices = callers.map(|caller| {
            let pair = &self.pairs[caller.pair];
            request.add(pair, caller.field, &caller.tags)
        });
        let indices = indices.collect();
        self.batch.start(self.callers);
        (self.batch, indices)
    }
}
