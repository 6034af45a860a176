//! Who waits for reads of a pair, where there is no wire.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::Error;
use crate::key::digest::Field;
use crate::store::LookupReply;

/// Reads of one pair on their way at the same time.
const FLIGHTS: usize = 2;
/// Fields of one read.
const BATCH: usize = 256;
/// Callers that may wait for one pair; more than that are turned away.
const WAITING: usize = 16_384;

/// Who waits for a read of the pair.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiters>);

#[derive(Debug, Default)]
pub(super) struct Waiters {
    pub(super) waiting: Vec<Waiting>,
    pub(super) flights: usize,
    /// Those among the flights that a caller flies alone.
    alone: Vec<Alone>,
    next_alone: u64,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) field: Field,
    pub(super) until: Instant,
    pub(super) tell: oneshot::Sender<Result<LookupReply, Error>>,
}

#[derive(Debug)]
struct Alone {
    id: u64,
    until: Instant,
    /// Dropped when the time is over, which ends the wait.
    _in_time: oneshot::Sender<()>,
}

/// What a caller does in a lane.
pub(super) enum Place {
    /// It asks for its own field: nobody waits.
    Alone(u64, oneshot::Receiver<()>),
    /// It waits for a flight, of which enough are on their way.
    Waits(oneshot::Receiver<Result<LookupReply, Error>>),
}

impl Queue {
    pub(super) fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line; `true` if a flight has to start.
    pub(super) fn join(&self, waiting: Waiting) -> Result<bool, Error> {
        let mut waiters = self.waiters();
        waiters.stand(waiting)?;
        let starts = waiters.flights < FLIGHTS;
        waiters.flights += usize::from(starts);
        Ok(starts)
    }

    /// Flies alone, or stands in line where enough are on their way.
    pub(super) fn place(&self, field: Field, until: Instant) -> Result<Place, Error> {
        let mut waiters = self.waiters();
        if waiters.flights < FLIGHTS {
            let (in_time, out_of_time) = oneshot::channel();
            waiters.flights += 1;
            waiters.next_alone += 1;
            let id = waiters.next_alone;
            waiters.alone.push(Alone {
                id,
                until,
                _in_time: in_time,
            });
            return Ok(Place::Alone(id, out_of_time));
        }
        let (tell, told) = oneshot::channel();
        waiters.stand(Waiting { field, until, tell })?;
        Ok(Place::Waits(told))
    }

    /// Ends a flight alone; `true` if others wait, who then fly in its place.
    pub(super) fn leave(&self, id: u64) -> bool {
        let mut waiters = self.waiters();
        let Some(at) = waiters.alone.iter().position(|alone| alone.id == id) else {
            return false;
        };
        waiters.alone.swap_remove(at);
        let others = !waiters.waiting.is_empty();
        waiters.flights -= usize::from(!others);
        others
    }

    /// Sends away whose time is over. Returns whether anybody was, and whether anybody is left.
    pub(crate) fn send_away(&self, now: Instant) -> (bool, bool) {
        let mut waiters = self.waiters();
        let before = waiters.waiting.len() + waiters.alone.len();
        waiters.waiting.retain(|waiting| waiting.until > now);
        let alone = waiters.alone.len();
        waiters.alone.retain(|alone| alone.until > now);
        waiters.flights -= alone - waiters.alone.len();
        let after = waiters.waiting.len() + waiters.alone.len();
        (after < before, waiters.flights > 0 || after > 0)
    }

    /// Who waits now, up to a bound; if nobody does, the flight is over.
    pub(super) fn batch(&self) -> Option<Vec<Waiting>> {
        let mut waiters = self.waiters();
        if waiters.waiting.is_empty() {
            waiters.flights -= 1;
            return None;
        }
        let most = waiters.waiting.len().min(BATCH);
        let rest = waiters.waiting.split_off(most);
        Some(std::mem::replace(&mut waiters.waiting, rest))
    }
}

impl Waiters {
    fn stand(&mut self, waiting: Waiting) -> Result<(), Error> {
        if self.waiting.len() >= WAITING {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        self.waiting.push(waiting);
        Ok(())
    }
}
