//! Reads that go together: one cell, in which all their callers find their answers.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::request::Place;
use crate::budget::Wait;
use crate::error::Error;
use crate::store::redis::endpoint::Pace;
use crate::store::{Entry, Found};

/// Callers tell by it whether they are answered, without a channel each.
#[derive(Debug, Default)]
pub(super) struct Batch {
    answer: OnceLock<Result<Answer, Error>>,
    callers: Mutex<Vec<Caller>>,
}

/// What the server said: the entries are slices of one buffer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) now_us: u64,
    /// When it was whole.
    pub(super) at: Instant,
    pub(super) bytes: Bytes,
    pub(super) groups: Vec<Result<Vec<Option<Range<usize>>>, Error>>,
}

/// An entry where it lies in an answer: it is kept as a whole while somebody reads it.
#[derive(Clone)]
pub(crate) struct Slice {
    batch: Arc<Batch>,
    range: Range<usize>,
}

#[derive(Debug)]
struct Caller {
    wait: Wait,
    waker: Option<Waker>,
}

/// How many callers were told, and how many of them got a quick answer of which nobody has told the
/// breaker yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) callers: usize,
    pub(super) quick: u64,
}

/// A caller's place in a batch, which it may leave without a word.
#[derive(Debug)]
pub(crate) struct Seat {
    batch: Arc<Batch>,
    wait: Wait,
    caller: usize,
    place: Place,
}

impl Batch {
    pub(super) fn take_in(this: &Arc<Self>, place: Place, wait: Wait, waker: &Waker) -> Seat {
        let mut callers = this.callers();
        callers.push(Caller {
            wait,
            waker: Some(waker.clone()),
        });
        Seat {
            batch: this.clone(),
            wait,
            caller: callers.len() - 1,
            place,
        }
    }

    /// Tells all callers.
    pub(super) fn tell(&self, answer: Result<Answer, Error>) -> Told {
        let at = answer.as_ref().ok().filter(|answer| answer.is_clean());
        let at = at.map(|answer| answer.at);
        // The cell comes first: a caller that leaves its waker looks into it once more.
        let _ = self.answer.set(answer);
        let callers = std::mem::take(&mut *self.callers());
        let is_quick = |caller: &&Caller| at.is_some_and(|at| at <= caller.wait.patience());
        let told = Told {
            callers: callers.len(),
            quick: callers.iter().filter(is_quick).count() as u64,
        };
        for waker in callers.into_iter().filter_map(|caller| caller.waker) {
            waker.wake();
        }
        told
    }

    /// Wakes the callers whose time is over; returns whether there were any.
    pub(super) fn wake_late(&self, now: Instant) -> bool {
        let mut callers = self.callers();
        let late = callers
            .iter_mut()
            .filter(|caller| caller.wait.until() <= now);
        let wakers: Vec<_> = late.filter_map(|caller| caller.waker.take()).collect();
        drop(callers);
        let any = !wakers.is_empty();
        wakers.into_iter().for_each(Waker::wake);
        any
    }

    pub(super) fn len(&self) -> usize {
        self.callers().len()
    }

    fn callers(&self) -> MutexGuard<'_, Vec<Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The answer, when it is there. The hit is recorded by the pump, for all of a batch at once.
    pub(crate) async fn answer(self) -> Result<(Found, Pace), Error> {
        poll_fn(|context| self.poll(context)).await?;
        self.own()
    }

    /// Ready when there is an answer.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.batch.answer.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        let mut callers = self.batch.callers();
        if self.batch.answer.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        if Instant::now() >= self.wait.until() {
            return Poll::Ready(Err(Error::unavailable("the store did not answer in time")));
        }
        if let Some(caller) = callers.get_mut(self.caller) {
            let waker = context.waker();
            let known = caller.waker.as_ref();
            if !known.is_some_and(|known| known.will_wake(waker)) {
                caller.waker = Some(waker.clone());
            }
        }
        Poll::Pending
    }

    /// What the answer has for this caller.
    pub(crate) fn own(self) -> Result<(Found, Pace), Error> {
        let Some(answer) = self.batch.answer.get() else {
            return Err(Error::unavailable("the read was given up"));
        };
        let answer = answer.as_ref().map_err(Error::again)?;
        let group = answer.groups[self.place.group].as_ref();
        let range = group.map_err(Error::again)?[self.place.entry].clone();
        let now_us = answer.now_us;
        let pace = if answer.at > self.wait.patience() {
            Pace::Slow
        } else if answer.is_clean() {
            Pace::Told
        } else {
            Pace::Quick
        };
        let batch = self.batch;
        let found = Found {
            now_us,
            entry: range.map(|range| Entry::InBatch(Slice { batch, range })),
            pair_ms: None,
        };
        Ok((found, pace))
    }
}

impl Answer {
    /// Whether nothing in it is an error.
    fn is_clean(&self) -> bool {
        self.groups.iter().all(Result::is_ok)
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self.batch.answer.get() {
            Some(Ok(answer)) => &answer.bytes[self.range.clone()],
            // It is a slice of an answer.
            _ => &[],
        }
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slice").field(&self.range).finish()
    }
}
