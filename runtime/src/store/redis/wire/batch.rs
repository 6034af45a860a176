//! Reads that go together: one cell, in which all their callers find their answers.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::request::Place;
use crate::error::Error;
use crate::store::Found;

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
    pub(super) bytes: Bytes,
    pub(super) groups: Vec<Result<Vec<Option<Range<usize>>>, Error>>,
}

#[derive(Debug)]
struct Caller {
    until: Instant,
    waker: Option<Waker>,
}

/// A caller's place in a batch, which it may leave without a word.
#[derive(Debug)]
pub(crate) struct Seat {
    batch: Arc<Batch>,
    until: Instant,
    caller: usize,
    place: Place,
}

impl Batch {
    pub(super) fn take_in(this: &Arc<Self>, place: Place, until: Instant, waker: &Waker) -> Seat {
        let mut callers = this.callers();
        callers.push(Caller {
            until,
            waker: Some(waker.clone()),
        });
        Seat {
            batch: this.clone(),
            until,
            caller: callers.len() - 1,
            place,
        }
    }

    /// Tells all callers, and returns how many there are.
    pub(super) fn tell(&self, answer: Result<Answer, Error>) -> usize {
        // The cell comes first: a caller that leaves its waker looks into it once more.
        let _ = self.answer.set(answer);
        let callers = std::mem::take(&mut *self.callers());
        let told = callers.len();
        for waker in callers.into_iter().filter_map(|caller| caller.waker) {
            waker.wake();
        }
        told
    }

    /// Wakes the callers whose time is over; returns whether there were any.
    pub(super) fn wake_late(&self, now: Instant) -> bool {
        let mut callers = self.callers();
        let late = callers.iter_mut().filter(|caller| caller.until <= now);
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
    pub(crate) async fn answer(self) -> Result<Found, Error> {
        let mut is_taken_in = true;
        poll_fn(|context| {
            // Its waker was left in this very poll.
            if std::mem::take(&mut is_taken_in) && self.batch.answer.get().is_none() {
                return Poll::Pending;
            }
            self.poll(context)
        })
        .await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Found, Error>> {
        if let Some(answer) = self.batch.answer.get() {
            return Poll::Ready(self.own(answer));
        }
        let mut callers = self.batch.callers();
        if let Some(answer) = self.batch.answer.get() {
            return Poll::Ready(self.own(answer));
        }
        if Instant::now() >= self.until {
            return Poll::Ready(Err(Error::unavailable("the store did not answer in time")));
        }
        if let Some(caller) = callers.get_mut(self.caller) {
            let waker = context.waker();
            if !caller
                .waker
                .as_ref()
                .is_some_and(|old| old.will_wake(waker))
            {
                caller.waker = Some(waker.clone());
            }
        }
        Poll::Pending
    }

    fn own(&self, answer: &Result<Answer, Error>) -> Result<Found, Error> {
        let answer = answer.as_ref().map_err(Error::again)?;
        let group = answer.groups[self.place.group].as_ref();
        let range = group.map_err(Error::again)?[self.place.entry].clone();
        Ok(Found {
            now_us: answer.now_us,
            entry: range.map(|range| answer.bytes.slice(range)),
            pair_ms: None,
        })
    }
}
