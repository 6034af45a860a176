//! Where callers wait for a place in the air: each thread has a gate of its own.
//!
//! A lock that all threads take for every read would cost more than the rest of what a read does
//! before it waits. The [`pump`](super::pump) goes from gate to gate and lets a party out of each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::batch::{Batch, Caller, Seat};
use super::request::{FIELDS, Place, Request};
use super::{Ask, lost};
use crate::error::Error;
use crate::method::Pair;
use crate::stats::{SHARDS, shard};

/// Callers that may wait at one gate; more than that are turned away.
const WAITING: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: [Gate; SHARDS],
    /// A bit for each gate at which somebody waits.
    occupied: AtomicU64,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Gate(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    is_open: bool,
    /// The last one takes callers in.
    parties: VecDeque<Party>,
}

/// Callers who will find their answers in the same cell.
#[derive(Debug, Default)]
pub(super) struct Party {
    batch: Arc<Batch>,
    pairs: Vec<Arc<Pair>>,
    callers: Vec<Caller>,
}

/// A batch that goes into the air, and where its callers find their answers.
pub(super) type Departed = (Arc<Batch>, Vec<Place>);

impl Gates {
    /// A seat, and whether its caller is the first at the gate: somebody has to tell the pump.
    pub(super) fn take_in(&self, ask: &Ask<'_>, waker: &Waker) -> Result<(Seat, bool), Error> {
        let at = shard();
        let mut waiting = self.gates[at].waiting();
        if !waiting.is_open {
            return Err(lost());
        }
        if waiting.len() >= WAITING {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        let is_first = waiting.parties.is_empty();
        if waiting.parties.back().is_none_or(Party::is_full) {
            waiting.parties.push_back(Party::default());
        }
        let party = waiting.parties.back_mut().expect("one takes callers in");
        let seat = party.take_in(ask, waker);
        if is_first {
            self.occupied.fetch_or(1 << at, Ordering::SeqCst);
        }
        Ok((seat, is_first))
    }

    /// Whether anybody waits.
    pub(super) fn is_occupied(&self) -> bool {
        self.occupied.load(Ordering::SeqCst) != 0
    }

    /// Lets out as many as fit into one request, no gate before the others. Returns what they ask
    /// for, and their cells with their places in the answer.
    pub(super) fn let_out(&self, turn: usize) -> (Request, Vec<Departed>) {
        let (mut request, mut parties) = (Request::default(), Vec::new());
        for at in (0..SHARDS).map(|at| (at + turn) % SHARDS) {
            let Some(party) = self.next(at, FIELDS - request.fields()) else {
                continue;
            };
            parties.push(party.depart(&mut request));
        }
        (request, parties)
    }

    /// The next party of a gate, if it fits.
    fn next(&self, at: usize, room: usize) -> Option<Party> {
        if self.occupied.load(Ordering::SeqCst) & (1 << at) == 0 {
            return None;
        }
        let mut waiting = self.gates[at].waiting();
        let fits = waiting
            .parties
            .front()
            .is_some_and(|party| party.callers.len() <= room);
        let party = fits.then(|| waiting.parties.pop_front()).flatten();
        if waiting.parties.is_empty() {
            self.occupied.fetch_and(!(1 << at), Ordering::SeqCst);
        }
        party
    }

    pub(super) fn open(&self) {
        for gate in &self.gates {
            gate.waiting().is_open = true;
        }
    }

    /// Lets nobody in any more, and gives the cells of those who wait.
    pub(super) fn close(&self) -> Vec<Arc<Batch>> {
        let mut batches = Vec::new();
        for (at, gate) in self.gates.iter().enumerate() {
            let mut waiting = gate.waiting();
            waiting.is_open = false;
            self.occupied.fetch_and(!(1 << at), Ordering::SeqCst);
            let parties = waiting.parties.drain(..);
            batches.extend(parties.map(|party| party.depart(&mut Request::default()).0));
        }
        batches
    }

    /// Wakes whose time is over; returns whether anybody was, and whether anybody waits.
    pub(super) fn wake_late(&self, now: Instant) -> (bool, bool) {
        let (mut late, mut any) = (Vec::new(), false);
        for gate in &self.gates {
            let mut waiting = gate.waiting();
            for party in &mut waiting.parties {
                any = true;
                late.extend(
                    party
                        .callers
                        .iter_mut()
                        .filter_map(|caller| caller.late(now)),
                );
            }
        }
        let is_late = !late.is_empty();
        late.into_iter().for_each(Waker::wake);
        (is_late, any)
    }
}

impl Gate {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        let last = self.parties.back().map_or(0, |party| party.callers.len());
        self.parties.len().saturating_sub(1) * FIELDS + last
    }
}

impl Party {
    fn is_full(&self) -> bool {
        self.callers.len() >= FIELDS
    }

    fn take_in(&mut self, ask: &Ask<'_>, waker: &Waker) -> Seat {
        let known = self
            .pairs
            .iter()
            .rposition(|pair| Arc::ptr_eq(pair, ask.pair));
        let pair = known.unwrap_or_else(|| {
            self.pairs.push(ask.pair.clone());
            self.pairs.len() - 1
        });
        self.callers.push(Caller::new(ask, pair, waker));
        self.batch.seat(self.callers.len() - 1)
    }

    /// Adds to a request what its callers ask for.
    fn depart(self, request: &mut Request) -> Departed {
        let callers = self.callers.iter();
        let places = callers.map(|caller| request.add(&self.pairs[caller.pair], caller.field));
        let places = places.collect();
        self.batch.depart(self.callers);
        (self.batch, places)
    }
}
