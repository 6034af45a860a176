//! Reads that are sent together: one cell, in which all their callers find their entries.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::query::Query;
use super::request::{PairReply, ReplyIndex};
use crate::deadline::Timeout;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::store::redis::health::endpoint::{Pace, PacedResult};
use crate::store::{LookupReply, RawEntry, ReplyBytes};

/// Callers see in it whether there is a reply, without a channel each.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    reply: OnceLock<Result<ReplyShare, Error>>,
    callers: Mutex<Callers>,
}

#[derive(Debug, Default)]
struct Callers {
    /// Once the batch has been sent; before that its shard has them.
    waiting: Vec<Caller>,
    /// The new wakers of callers that were polled with another one before the batch was sent.
    new_wakers: Vec<(usize, Waker)>,
}

/// A batch's part of a reply: where the entry of each of its callers is.
#[derive(Debug)]
struct ReplyShare {
    reply: Arc<BatchReply>,
    indices: Vec<ReplyIndex>,
}

/// The server's reply to a request: the entries are slices of one buffer.
pub(super) struct BatchReply {
    pub(super) now_us: u64,
    /// When it was complete.
    pub(super) at: Instant,
    pub(super) bytes: Bytes,
    pub(super) pairs: Vec<Result<PairReply, Error>>,
}

#[derive(Debug)]
pub(super) struct Caller {
    wait: Timeout,
    /// The index of its pair among those of its batch.
    pub(super) pair: usize,
    pub(super) field: Field,
    pub(super) tags: TagIds,
    waker: Option<Waker>,
}

/// How many callers got a reply, and for how many of them the breaker is still to count a quick one.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeliveryCount {
    pub(super) callers: usize,
    pub(super) quick: u64,
}

/// A caller's part of a batch. It may be dropped at any time.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    caller: usize,
}

impl Caller {
    pub(super) fn new(query: &Query<'_>, pair: usize, waker: &Waker) -> Self {
        Self {
            wait: query.wait,
            pair,
            field: query.field,
            tags: query.tags.clone(),
            waker: Some(waker.clone()),
        }
    }

    /// Its waker, if it has timed out.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Waker> {
        (self.wait.until() <= now).then(|| self.waker.take())?
    }
}

impl Batch {
    pub(super) fn ticket(self: &Arc<Self>, caller: usize) -> Ticket {
        Ticket {
            batch: self.clone(),
            caller,
        }
    }

    /// The new waker of a caller whose batch has not been sent.
    pub(super) fn take_new_waker(&self, caller: usize) -> Option<Waker> {
        let mut callers = self.callers();
        let at = callers
            .new_wakers
            .iter()
            .position(|(of, _)| *of == caller)?;
        Some(callers.new_wakers.swap_remove(at).1)
    }

    /// Takes its callers from the shard: the batch is sent.
    pub(super) fn start(&self, mut waiting: Vec<Caller>) {
        let mut callers = self.callers();
        for (caller, waker) in callers.new_wakers.drain(..) {
            waiting[caller].waker = Some(waker);
        }
        callers.waiting = waiting;
    }

    /// Gives all callers their part of a reply.
    pub(super) fn deliver(
        &self,
        reply: &Arc<BatchReply>,
        indices: Vec<ReplyIndex>,
    ) -> DeliveryCount {
        let reply = reply.clone();
        let at = reply.is_clean().then_some(reply.at);
        let callers = self.finish(Ok(ReplyShare { reply, indices }));
        let is_quick = |caller: &&Caller| at.is_some_and(|at| at <= caller.wait.half());
        DeliveryCount {
            callers: callers.len(),
            quick: callers.iter().filter(is_quick).count() as u64,
        }
    }

    /// Gives all callers an error, and returns how many there are.
    pub(super) fn fail(&self, error: Error) -> usize {
        self.finish(Err(error)).len()
    }

    fn finish(&self, reply: Result<ReplyShare, Error>) -> Vec<Caller> {
        // The cell comes first: a caller that leaves its waker looks into it once more.
        let _ = self.reply.set(reply);
        let mut callers = std::mem::take(&mut self.callers().waiting);
        let wakers = callers.iter_mut().filter_map(|caller| caller.waker.take());
        wakers.for_each(Waker::wake);
        callers
    }

    /// Wakes the callers that have timed out; returns whether there were any.
    pub(super) fn wake_late(&self, now: Instant) -> bool {
        let mut callers = self.callers();
        let late = callers.waiting.iter_mut();
        let late: Vec<_> = late.filter_map(|caller| caller.take_late(now)).collect();
        drop(callers);
        let any = !late.is_empty();
        late.into_iter().for_each(Waker::wake);
        any
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    /// Replaces the waker of a caller.
    fn set_waker(&mut self, caller: usize, waker: &Waker) {
        let known = match self.waiting.get_mut(caller) {
            Some(caller) => &mut caller.waker,
            None => {
                self.new_wakers.retain(|(other, _)| *other != caller);
                self.new_wakers.push((caller, waker.clone()));
                return;
            }
        };
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

impl Ticket {
    /// Waits for the reply. The I/O task records the hit, for all of a batch at once.
    pub(crate) async fn reply(self, wait: Timeout, tags: &TagIds) -> PacedResult<LookupReply> {
        poll_fn(|context| self.poll(wait, context)).await?;
        self.into_reply(wait, tags)
    }

    /// Ready when there is a reply.
    pub(crate) fn poll(&self, wait: Timeout, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.batch.reply.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        let mut callers = self.batch.callers();
        if self.batch.reply.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        if Instant::now() >= wait.until() {
            return Poll::Ready(Err(Error::unavailable("the store did not answer in time")));
        }
        callers.set_waker(self.caller, context.waker());
        Poll::Pending
    }

    /// What the reply has for this caller, which asked for these tags.
    pub(crate) fn into_reply(self, wait: Timeout, tags: &TagIds) -> PacedResult<LookupReply> {
        let Some(reply) = self.batch.reply.get() else {
            return Err(Error::unavailable("the read was cancelled"));
        };
        let ReplyShare { reply, indices } = reply.as_ref().map_err(Error::again)?;
        let index = indices[self.caller];
        let of_pair = reply.pairs[index.group].as_ref().map_err(Error::again)?;
        let range = of_pair.entries[index.entry].clone();
        let (now_us, epoch) = (reply.now_us, of_pair.epochs[index.method]);
        let tags = of_pair.tags(tags, &reply.bytes);
        let pace = if reply.at > wait.half() {
            Pace::Slow
        } else if reply.is_clean() {
            Pace::Counted
        } else {
            Pace::Quick
        };
        let batch = self.batch;
        let entry = range.map(|range| RawEntry::Shared {
            reply: batch,
            range,
        });
        let found = LookupReply::new(now_us, epoch, entry);
        Ok((found.with_tags(tags), pace))
    }
}

impl BatchReply {
    /// Whether nothing in it is an error.
    fn is_clean(&self) -> bool {
        self.pairs.iter().all(Result::is_ok)
    }
}

impl ReplyBytes for Batch {
    fn bytes(&self) -> &[u8] {
        match self.reply.get() {
            Some(Ok(share)) => &share.reply.bytes,
            // Only a batch with a reply has entries.
            _ => &[],
        }
    }
}

// Entries are not for logs.
impl fmt::Debug for BatchReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchReply")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The connection was lost, which says nothing of the server: it may have closed an idle one.
pub(super) fn disconnected() -> Error {
    Error::unavailable("the connection was lost").with_fault(Fault::Nothing)
}
