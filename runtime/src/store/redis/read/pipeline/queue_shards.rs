//! Where callers wait for a place in the air: a thread always at the same gate.
//!
//! One lock, which all threads took for every read, was the largest item of a hit on the client. The
//! [`pump`](crate::store::redis::read::pipeline::io_task) goes from gate to gate and lets a party out of each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::batch::{Batch, Caller, Seat};
use super::request::{FIELDS, Place, Request};
use super::{Ask, lost};
use crate::error::Error;
use crate::rt::shard::{SHARDS, shard};
use crate::store::Pair;

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

/// A batch that is still at its gate: the cell, and who will find an answer in it.
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
                for (at, caller) in party.callers.iter_mut().enumerate() {
                    if let Some(waker) = caller.late(now) {
                        late.extend(party.batch.anew(at));
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake};
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::deadline::Timeout;
    use crate::error::Fault;
    use crate::key::digest::Field;
    use crate::store::redis::read::pipeline::batch::Answer;

    #[derive(Debug, Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn field(n: usize) -> Field {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Field(bytes)
    }

    struct Hall {
        gates: Gates,
        pair: Arc<Pair>,
        wait: Timeout,
    }

    impl Hall {
        fn open() -> Self {
            let gates = Gates::default();
            gates.open();
            Self {
                gates,
                pair: Pair::for_test("one"),
                wait: Timeout::new(Duration::from_secs(60)),
            }
        }

        fn take_in(&self, n: usize, waker: &Arc<Wakes>) -> Result<(Seat, bool), Error> {
            let ask = Ask {
                pair: &self.pair,
                field: field(n),
                wait: self.wait,
            };
            self.gates.take_in(&ask, &waker.clone().into())
        }
    }

    fn nothing(entries: usize) -> Arc<Answer> {
        Arc::new(Answer {
            now_us: 1,
            at: Instant::now(),
            bytes: Bytes::new(),
            groups: vec![Ok(vec![None; entries])],
        })
    }

    #[test]
    fn all_threads_go_together_and_ask_for_each_field_once() {
        let hall = Hall::open();
        let wakes = Arc::<Wakes>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let firsts = (0..50).filter(|&n| hall.take_in(n, &wakes).unwrap().1);
                    assert!(firsts.count() <= 1, "one tells the pump");
                });
            }
        });
        let (request, batches) = hall.gates.let_out(3);
        assert_eq!(request.form(), [50]);
        assert!(!hall.gates.is_occupied());
        let answer = nothing(50);
        let told = batches.into_iter().map(|(batch, places)| {
            assert!(places.iter().all(|place| place.entry < 50));
            batch.tell(&answer, places)
        });
        let (callers, quick) = told.fold((0, 0), |sum, told| {
            (sum.0 + told.callers, sum.1 + told.quick)
        });
        assert_eq!((callers, quick, wakes.count()), (200, 200, 200));
    }

    #[test]
    fn requests_are_bounded_and_nobody_is_left_behind() {
        let mut hall = Hall::open();
        let wakes = Arc::<Wakes>::default();
        for stem in ["one", "two"] {
            hall.pair = Pair::for_test(stem);
            (0..500).for_each(|n| drop(hall.take_in(n, &wakes).unwrap()));
        }
        let mut let_out = 0;
        while hall.gates.is_occupied() {
            let (request, batches) = hall.gates.let_out(let_out);
            assert!((1..=FIELDS).contains(&request.fields()));
            let_out += batches
                .iter()
                .map(|(_, places)| places.len())
                .sum::<usize>();
        }
        assert_eq!(let_out, 1000);
    }

    #[test]
    fn who_is_polled_with_another_waker_at_the_gate_is_woken_by_that_one() {
        let hall = Hall::open();
        let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        let (seat, is_first) = hall.take_in(1, &first).unwrap();
        assert!(is_first);
        for _ in 0..3 {
            let waker = second.clone().into();
            assert!(
                seat.poll(hall.wait, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        let (_, mut batches) = hall.gates.let_out(0);
        let (batch, places) = batches.pop().unwrap();
        batch.tell(&nothing(1), places);
        assert_eq!((first.count(), second.count()), (0, 1));
        let waker = second.into();
        assert!(
            seat.poll(hall.wait, &mut Context::from_waker(&waker))
                .is_ready()
        );
        assert!(seat.own(hall.wait).unwrap().0.entry.is_none());
    }

    #[test]
    fn a_closed_gate_turns_everybody_away_who_waits_or_comes() {
        let hall = Hall::open();
        let wakes = Arc::<Wakes>::default();
        let (seat, _) = hall.take_in(1, &wakes).unwrap();
        for batch in hall.gates.close() {
            batch.fail(lost());
        }
        assert_eq!(wakes.count(), 1);
        let error = seat.own(hall.wait).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        let error = hall.take_in(1, &wakes).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        assert!(!hall.gates.is_occupied());
    }

    #[test]
    fn whose_time_is_over_at_the_gate_is_woken_once() {
        let hall = Hall::open();
        let wakes = Arc::<Wakes>::default();
        let (seat, _) = hall.take_in(1, &wakes).unwrap();
        let moved = Arc::<Wakes>::default();
        let waker = moved.clone().into();
        assert!(
            seat.poll(hall.wait, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let now = Instant::now();
        assert_eq!(hall.gates.wake_late(now), (false, true));
        let late = now + Duration::from_secs(61);
        assert_eq!(hall.gates.wake_late(late), (true, true));
        assert_eq!(hall.gates.wake_late(late), (false, true));
        assert_eq!((wakes.count(), moved.count()), (1, 1));
        drop(seat);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let hall = Hall::open();
        let wakes = Arc::<Wakes>::default();
        (0..WAITING).for_each(|n| drop(hall.take_in(n, &wakes).unwrap()));
        let error = hall.take_in(0, &wakes).unwrap_err();
        assert_eq!(error.to_string(), "too many calls wait for the store");
    }
}
