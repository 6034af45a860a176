//! Where callers wait for a place in the air: a thread always at the same shard.
//!
//! One lock, which all threads took for every read, was the largest item of a hit on the client. The
//! [`pump`](crate::store::redis::read::pipeline::io_task) goes from shard to shard and lets a batch out of each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::batch::{Batch, Caller, Ticket};
use super::request::{FIELDS, ReplyIndex, Request};
use super::{Query, lost};
use crate::error::Error;
use crate::rt::shard::{SHARDS, shard};
use crate::store::Pair;

/// Callers that may wait at one shard; more than that are turned away.
const LONGEST_QUEUE: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct QueueShards {
    shards: [QueueShard; SHARDS],
    /// A bit for each shard at which somebody waits.
    nonempty: AtomicU64,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct QueueShard(Mutex<ShardQueue>);

#[derive(Debug, Default)]
struct ShardQueue {
    is_open: bool,
    /// The last one takes callers in.
    batches: VecDeque<PendingBatch>,
}

/// A batch that is still at its shard: the cell, and who will find an answer in it.
#[derive(Debug, Default)]
pub(super) struct PendingBatch {
    batch: Arc<Batch>,
    pairs: Vec<Arc<Pair>>,
    callers: Vec<Caller>,
}

/// A batch that goes into the air, and where its callers find their answers.
pub(super) type SentBatch = (Arc<Batch>, Vec<ReplyIndex>);

impl QueueShards {
    /// A seat, and whether its caller is the first at the shard: somebody has to tell the pump.
    pub(super) fn enqueue(&self, ask: &Query<'_>, waker: &Waker) -> Result<(Ticket, bool), Error> {
        let at = shard();
        let mut waiting = self.shards[at].waiting();
        if !waiting.is_open {
            return Err(lost());
        }
        if waiting.len() >= LONGEST_QUEUE {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        let is_first = waiting.batches.is_empty();
        if waiting.batches.back().is_none_or(PendingBatch::is_full) {
            waiting.batches.push_back(PendingBatch::default());
        }
        let batch = waiting.batches.back_mut().expect("one takes callers in");
        let seat = batch.enqueue(ask, waker);
        if is_first {
            self.nonempty.fetch_or(1 << at, Ordering::SeqCst);
        }
        Ok((seat, is_first))
    }

    /// Whether anybody waits.
    pub(super) fn has_waiters(&self) -> bool {
        self.nonempty.load(Ordering::SeqCst) != 0
    }

    /// Lets out as many as fit into one request, no shard before the others. Returns what they ask
    /// for, and their cells with their places in the answer.
    pub(super) fn drain(&self, turn: usize) -> (Request, Vec<SentBatch>) {
        let (mut request, mut batches) = (Request::default(), Vec::new());
        for at in (0..SHARDS).map(|at| (at + turn) % SHARDS) {
            let Some(batch) = self.next(at, FIELDS - request.fields()) else {
                continue;
            };
            batches.push(batch.depart(&mut request));
        }
        (request, batches)
    }

    /// The next batch of a shard, if it fits.
    fn next(&self, at: usize, room: usize) -> Option<PendingBatch> {
        if self.nonempty.load(Ordering::SeqCst) & (1 << at) == 0 {
            return None;
        }
        let mut waiting = self.shards[at].waiting();
        let fits = waiting
            .batches
            .front()
            .is_some_and(|batch| batch.callers.len() <= room);
        let batch = fits.then(|| waiting.batches.pop_front()).flatten();
        if waiting.batches.is_empty() {
            self.nonempty.fetch_and(!(1 << at), Ordering::SeqCst);
        }
        batch
    }

    pub(super) fn open(&self) {
        for shard in &self.shards {
            shard.waiting().is_open = true;
        }
    }

    /// Lets nobody in any more, and gives the cells of those who wait.
    pub(super) fn close(&self) -> Vec<Arc<Batch>> {
        let mut cells = Vec::new();
        for (at, shard) in self.shards.iter().enumerate() {
            let mut waiting = shard.waiting();
            waiting.is_open = false;
            self.nonempty.fetch_and(!(1 << at), Ordering::SeqCst);
            let batches = waiting.batches.drain(..);
            cells.extend(batches.map(|batch| batch.depart(&mut Request::default()).0));
        }
        cells
    }

    /// Wakes whose time is over; returns whether anybody was, and whether anybody waits.
    pub(super) fn wake_late(&self, now: Instant) -> (bool, bool) {
        let (mut late, mut any) = (Vec::new(), false);
        for shard in &self.shards {
            let mut waiting = shard.waiting();
            for batch in &mut waiting.batches {
                any = true;
                for (at, caller) in batch.callers.iter_mut().enumerate() {
                    if let Some(waker) = caller.late(now) {
                        late.extend(batch.batch.anew(at));
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
    fn waiting(&self) -> MutexGuard<'_, ShardQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardQueue {
    fn len(&self) -> usize {
        let last = self.batches.back().map_or(0, |batch| batch.callers.len());
        self.batches.len().saturating_sub(1) * FIELDS + last
    }
}

impl PendingBatch {
    fn is_full(&self) -> bool {
        self.callers.len() >= FIELDS
    }

    fn enqueue(&mut self, ask: &Query<'_>, waker: &Waker) -> Ticket {
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
    fn depart(self, request: &mut Request) -> SentBatch {
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
    use crate::store::redis::read::pipeline::batch::BatchReply;

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

    struct Fixture {
        shards: QueueShards,
        pair: Arc<Pair>,
        wait: Timeout,
    }

    impl Fixture {
        fn open() -> Self {
            let shards = QueueShards::default();
            shards.open();
            Self {
                shards,
                pair: Pair::for_test("one"),
                wait: Timeout::new(Duration::from_secs(60)),
            }
        }

        fn enqueue(&self, n: usize, waker: &Arc<Wakes>) -> Result<(Ticket, bool), Error> {
            let ask = Query {
                pair: &self.pair,
                field: field(n),
                wait: self.wait,
            };
            self.shards.enqueue(&ask, &waker.clone().into())
        }
    }

    fn nothing(entries: usize) -> Arc<BatchReply> {
        Arc::new(BatchReply {
            now_us: 1,
            at: Instant::now(),
            bytes: Bytes::new(),
            groups: vec![Ok(vec![None; entries])],
        })
    }

    #[test]
    fn all_threads_go_together_and_ask_for_each_field_once() {
        let fixture = Fixture::open();
        let wakes = Arc::<Wakes>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let firsts = (0..50).filter(|&n| fixture.enqueue(n, &wakes).unwrap().1);
                    assert!(firsts.count() <= 1, "one tells the pump");
                });
            }
        });
        let (request, batches) = fixture.shards.drain(3);
        assert_eq!(request.expected_lens(), [50]);
        assert!(!fixture.shards.has_waiters());
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
        let mut fixture = Fixture::open();
        let wakes = Arc::<Wakes>::default();
        for stem in ["one", "two"] {
            fixture.pair = Pair::for_test(stem);
            (0..500).for_each(|n| drop(fixture.enqueue(n, &wakes).unwrap()));
        }
        let mut drain = 0;
        while fixture.shards.has_waiters() {
            let (request, batches) = fixture.shards.drain(drain);
            assert!((1..=FIELDS).contains(&request.fields()));
            drain += batches
                .iter()
                .map(|(_, places)| places.len())
                .sum::<usize>();
        }
        assert_eq!(drain, 1000);
    }

    #[test]
    fn who_is_polled_with_another_waker_at_the_gate_is_woken_by_that_one() {
        let fixture = Fixture::open();
        let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        let (seat, is_first) = fixture.enqueue(1, &first).unwrap();
        assert!(is_first);
        for _ in 0..3 {
            let waker = second.clone().into();
            assert!(
                seat.poll(fixture.wait, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        let (_, mut batches) = fixture.shards.drain(0);
        let (batch, places) = batches.pop().unwrap();
        batch.tell(&nothing(1), places);
        assert_eq!((first.count(), second.count()), (0, 1));
        let waker = second.into();
        assert!(
            seat.poll(fixture.wait, &mut Context::from_waker(&waker))
                .is_ready()
        );
        assert!(seat.own(fixture.wait).unwrap().0.entry.is_none());
    }

    #[test]
    fn a_closed_gate_turns_everybody_away_who_waits_or_comes() {
        let fixture = Fixture::open();
        let wakes = Arc::<Wakes>::default();
        let (seat, _) = fixture.enqueue(1, &wakes).unwrap();
        for batch in fixture.shards.close() {
            batch.fail(lost());
        }
        assert_eq!(wakes.count(), 1);
        let error = seat.own(fixture.wait).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        let error = fixture.enqueue(1, &wakes).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        assert!(!fixture.shards.has_waiters());
    }

    #[test]
    fn whose_time_is_over_at_the_gate_is_woken_once() {
        let fixture = Fixture::open();
        let wakes = Arc::<Wakes>::default();
        let (seat, _) = fixture.enqueue(1, &wakes).unwrap();
        let moved = Arc::<Wakes>::default();
        let waker = moved.clone().into();
        assert!(
            seat.poll(fixture.wait, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let now = Instant::now();
        assert_eq!(fixture.shards.wake_late(now), (false, true));
        let late = now + Duration::from_secs(61);
        assert_eq!(fixture.shards.wake_late(late), (true, true));
        assert_eq!(fixture.shards.wake_late(late), (false, true));
        assert_eq!((wakes.count(), moved.count()), (1, 1));
        drop(seat);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let fixture = Fixture::open();
        let wakes = Arc::<Wakes>::default();
        (0..LONGEST_QUEUE).for_each(|n| drop(fixture.enqueue(n, &wakes).unwrap()));
        let error = fixture.enqueue(0, &wakes).unwrap_err();
        assert_eq!(error.to_string(), "too many calls wait for the store");
    }
}
