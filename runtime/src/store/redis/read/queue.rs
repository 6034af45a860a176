//! Who waits for reads of a pair, where there is no wire.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::Error;
use crate::key::digest::Field;
use crate::store::LookupReply;

/// Reads of one pair on their way at the same time.
const READERS: usize = 2;
/// Fields of one read.
const BATCH: usize = 256;
/// Callers that may wait for one pair; more than that are turned away.
const LONGEST_QUEUE: usize = 16_384;

/// Who waits for a read of the pair.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiters>);

#[derive(Debug, Default)]
pub(super) struct Waiters {
    pub(super) waiting: Vec<QueuedRead>,
    pub(super) flights: usize,
    /// Those among the flights that a caller flies alone.
    alone: Vec<LoneRead>,
    next_alone: u64,
}

#[derive(Debug)]
pub(super) struct QueuedRead {
    pub(super) field: Field,
    pub(super) until: Instant,
    pub(super) tell: oneshot::Sender<Result<LookupReply, Error>>,
}

#[derive(Debug)]
struct LoneRead {
    id: u64,
    until: Instant,
    /// Dropped when the time is over, which ends the wait.
    _in_time: oneshot::Sender<()>,
}

/// What a caller does in a lane.
pub(super) enum ReadTurn {
    /// It asks for its own field: nobody waits.
    Lone(u64, oneshot::Receiver<()>),
    /// It waits for a flight, of which enough are on their way.
    Queued(oneshot::Receiver<Result<LookupReply, Error>>),
}

impl Queue {
    pub(super) fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line; `true` if a flight has to start.
    pub(super) fn join(&self, waiting: QueuedRead) -> Result<bool, Error> {
        let mut waiters = self.waiters();
        waiters.stand(waiting)?;
        let starts = waiters.flights < READERS;
        waiters.flights += usize::from(starts);
        Ok(starts)
    }

    /// Flies alone, or stands in line where enough are on their way.
    pub(super) fn place(&self, field: Field, until: Instant) -> Result<ReadTurn, Error> {
        let mut waiters = self.waiters();
        if waiters.flights < READERS {
            let (in_time, out_of_time) = oneshot::channel();
            waiters.flights += 1;
            waiters.next_alone += 1;
            let id = waiters.next_alone;
            waiters.alone.push(LoneRead {
                id,
                until,
                _in_time: in_time,
            });
            return Ok(ReadTurn::Lone(id, out_of_time));
        }
        let (tell, told) = oneshot::channel();
        waiters.stand(QueuedRead { field, until, tell })?;
        Ok(ReadTurn::Queued(told))
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
    pub(crate) fn expire_waiters(&self, now: Instant) -> (bool, bool) {
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
    pub(super) fn batch(&self) -> Option<Vec<QueuedRead>> {
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
    fn stand(&mut self, waiting: QueuedRead) -> Result<(), Error> {
        if self.waiting.len() >= LONGEST_QUEUE {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        self.waiting.push(waiting);
        Ok(())
    }
}
