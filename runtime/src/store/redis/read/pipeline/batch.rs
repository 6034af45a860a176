//! Reads that go together: one cell, in which all their callers find their answers.

use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::Query;
use super::request::ReplyIndex;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::store::redis::health::endpoint::{Pace, PacedResult};
use crate::store::{EntryBytes, LookupReply, ReplyBytes};

/// Callers tell by it whether they are answered, without a channel each.
#[derive(Debug, Default)]
pub(super) struct Batch {
    answer: OnceLock<Result<ReplyShare, Error>>,
    callers: Mutex<Callers>,
}

#[derive(Debug, Default)]
struct Callers {
    /// Once they are in the air; before that the gate has them.
    seated: Vec<Caller>,
    /// Those who said at the gate that another waker is to be woken for them.
    anew: Vec<(usize, Waker)>,
}

/// What a batch has of an answer: the place of each of its callers.
#[derive(Debug)]
struct ReplyShare {
    answer: Arc<BatchReply>,
    places: Vec<ReplyIndex>,
}

/// What the server said: the entries are slices of one buffer.
pub(super) struct BatchReply {
    pub(super) now_us: u64,
    /// When it was whole.
    pub(super) at: Instant,
    pub(super) bytes: Bytes,
    pub(super) groups: Vec<Result<Vec<Option<Range<usize>>>, Error>>,
}

#[derive(Debug)]
pub(super) struct Caller {
    wait: Timeout,
    /// Which of the pairs of its batch it asks.
    pub(super) pair: usize,
    pub(super) field: Field,
    waker: Option<Waker>,
}

/// How many callers were told, and how many of them got a quick answer of which nobody has told the
/// breaker yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeliveryCount {
    pub(super) callers: usize,
    pub(super) quick: u64,
}

/// A caller's place in a batch, which it may leave without a word.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    caller: usize,
}

impl Caller {
    pub(super) fn new(ask: &Query<'_>, pair: usize, waker: &Waker) -> Self {
        Self {
            wait: ask.wait,
            pair,
            field: ask.field,
            waker: Some(waker.clone()),
        }
    }

    /// Who is to be woken because its time is over.
    pub(super) fn late(&mut self, now: Instant) -> Option<Waker> {
        (self.wait.until() <= now).then(|| self.waker.take())?
    }
}

impl Batch {
    pub(super) fn seat(self: &Arc<Self>, caller: usize) -> Ticket {
        Ticket {
            batch: self.clone(),
            caller,
        }
    }

    /// The other waker of a caller at the gate.
    pub(super) fn anew(&self, caller: usize) -> Option<Waker> {
        let mut callers = self.callers();
        let at = callers.anew.iter().position(|(of, _)| *of == caller)?;
        Some(callers.anew.swap_remove(at).1)
    }

    /// Takes over its callers from the gate.
    pub(super) fn depart(&self, mut seated: Vec<Caller>) {
        let mut callers = self.callers();
        for (caller, waker) in callers.anew.drain(..) {
            seated[caller].waker = Some(waker);
        }
        callers.seated = seated;
    }

    /// Gives all callers their part of an answer.
    pub(super) fn tell(&self, answer: &Arc<BatchReply>, places: Vec<ReplyIndex>) -> DeliveryCount {
        let answer = answer.clone();
        let at = answer.is_clean().then_some(answer.at);
        let callers = self.wake(Ok(ReplyShare { answer, places }));
        let is_quick = |caller: &&Caller| at.is_some_and(|at| at <= caller.wait.half());
        DeliveryCount {
            callers: callers.len(),
            quick: callers.iter().filter(is_quick).count() as u64,
        }
    }

    /// Tells all callers that there is no answer, and returns how many there are.
    pub(super) fn fail(&self, error: Error) -> usize {
        self.wake(Err(error)).len()
    }

    fn wake(&self, answer: Result<ReplyShare, Error>) -> Vec<Caller> {
        // The cell comes first: a caller that leaves its waker looks into it once more.
        let _ = self.answer.set(answer);
        let mut callers = std::mem::take(&mut self.callers().seated);
        let wakers = callers.iter_mut().filter_map(|caller| caller.waker.take());
        wakers.for_each(Waker::wake);
        callers
    }

    /// Wakes the callers whose time is over; returns whether there were any.
    pub(super) fn wake_late(&self, now: Instant) -> bool {
        let mut callers = self.callers();
        let late = callers.seated.iter_mut();
        let late: Vec<_> = late.filter_map(|caller| caller.late(now)).collect();
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
    /// Who is to be woken for a caller from now on.
    fn wake_instead(&mut self, caller: usize, waker: &Waker) {
        let known = match self.seated.get_mut(caller) {
            Some(caller) => &mut caller.waker,
            None => {
                self.anew.retain(|(other, _)| *other != caller);
                self.anew.push((caller, waker.clone()));
                return;
            }
        };
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

impl Ticket {
    /// The answer, when it is there. The hit is recorded by the pump, for all of a batch at once.
    pub(crate) async fn answer(self, wait: Timeout) -> PacedResult<LookupReply> {
        poll_fn(|context| self.poll(wait, context)).await?;
        self.own(wait)
    }

    /// Ready when there is an answer.
    pub(crate) fn poll(&self, wait: Timeout, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.batch.answer.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        let mut callers = self.batch.callers();
        if self.batch.answer.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        if Instant::now() >= wait.until() {
            return Poll::Ready(Err(Error::unavailable("the store did not answer in time")));
        }
        callers.wake_instead(self.caller, context.waker());
        Poll::Pending
    }

    /// What the answer has for this caller.
    pub(crate) fn own(self, wait: Timeout) -> PacedResult<LookupReply> {
        let Some(answer) = self.batch.answer.get() else {
            return Err(Error::unavailable("the read was given up"));
        };
        let ReplyShare { answer, places } = answer.as_ref().map_err(Error::again)?;
        let place = places[self.caller];
        let group = answer.groups[place.group].as_ref();
        let range = group.map_err(Error::again)?[place.entry].clone();
        let now_us = answer.now_us;
        let pace = if answer.at > wait.half() {
            Pace::Slow
        } else if answer.is_clean() {
            Pace::Counted
        } else {
            Pace::Quick
        };
        let batch = self.batch;
        let found = LookupReply {
            now_us,
            entry: range.map(|range| EntryBytes::Shared {
                reply: batch,
                range,
            }),
            pair_ms: None,
        };
        Ok((found, pace))
    }
}

impl BatchReply {
    /// Whether nothing in it is an error.
    fn is_clean(&self) -> bool {
        self.groups.iter().all(Result::is_ok)
    }
}

impl ReplyBytes for Batch {
    fn bytes(&self) -> &[u8] {
        match self.answer.get() {
            Some(Ok(share)) => &share.answer.bytes,
            // Only a batch with an answer has entries.
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
