//! The queue of a read pipeline, in shards: a thread always uses the same one.
//!
//! One lock, which all threads took for every read, was the largest item of a hit on the client. The
//! [`io_task`](crate::store::redis::pipeline) visits shard after shard and takes a batch out of each.

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
        let at = shard();
        let mut queue = self.shards[at].queue();
        if !queue.is_open {
            return Err(disconnected());
        }
        if queue.len() >= LONGEST_QUEUE {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        let is_first = queue.batches.is_empty();
        if queue.batches.back().is_none_or(PendingBatch::is_full) {
            queue.batches.push_back(PendingBatch::default());
        }
        let pending = queue.batches.back_mut().expect("there is one");
        let ticket = pending.enqueue(query, waker);
        if is_first {
            self.nonempty.fetch_or(1 << at, Ordering::SeqCst);
        }
        Ok((ticket, is_first))
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
        let indices = callers.map(|caller| request.add(&self.pairs[caller.pair], caller.field));
        let indices = indices.collect();
        self.batch.start(self.callers);
        (self.batch, indices)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake};
    use std::time::Duration;

    use bytes::Bytes;

    use super::super::batch::BatchReply;
    use super::*;
    use crate::deadline::Timeout;
    use crate::error::Fault;
    use crate::key::digest::Field;

    #[derive(Debug, Default)]
    struct WakeCount(AtomicUsize);

    impl Wake for WakeCount {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl WakeCount {
        fn get(&self) -> usize {
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

        fn enqueue(&self, n: usize, waker: &Arc<WakeCount>) -> Result<(Ticket, bool), Error> {
            let query = Query {
                pair: &self.pair,
                field: field(n),
                wait: self.wait,
            };
            self.shards.enqueue(&query, &waker.clone().into())
        }
    }

    fn no_entries(n: usize) -> Arc<BatchReply> {
        Arc::new(BatchReply {
            now_us: 1,
            at: Instant::now(),
            bytes: Bytes::new(),
            groups: vec![Ok(vec![None; n])],
        })
    }

    #[test]
    fn reads_of_all_threads_are_sent_together_and_each_field_once() {
        let fixture = Fixture::open();
        let wakes = Arc::<WakeCount>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let firsts = (0..50).filter(|&n| fixture.enqueue(n, &wakes).unwrap().1);
                    assert!(firsts.count() <= 1, "one wakes the I/O task");
                });
            }
        });
        let (request, batches) = fixture.shards.drain(3);
        assert_eq!(request.expected_lens(), [50]);
        assert!(!fixture.shards.has_waiters());
        let reply = no_entries(50);
        let delivered = batches.into_iter().map(|(batch, indices)| {
            assert!(indices.iter().all(|index| index.entry < 50));
            batch.deliver(&reply, indices)
        });
        let (callers, quick) = delivered.fold((0, 0), |sum, count| {
            (sum.0 + count.callers, sum.1 + count.quick)
        });
        assert_eq!((callers, quick, wakes.get()), (200, 200, 200));
    }

    #[test]
    fn requests_are_bounded_and_every_read_is_sent() {
        let mut fixture = Fixture::open();
        let wakes = Arc::<WakeCount>::default();
        for stem in ["one", "two"] {
            fixture.pair = Pair::for_test(stem);
            (0..500).for_each(|n| drop(fixture.enqueue(n, &wakes).unwrap()));
        }
        let mut sent = 0;
        while fixture.shards.has_waiters() {
            let (request, batches) = fixture.shards.drain(sent);
            assert!((1..=FIELDS).contains(&request.fields()));
            sent += batches
                .iter()
                .map(|(_, indices)| indices.len())
                .sum::<usize>();
        }
        assert_eq!(sent, 1000);
    }

    #[test]
    fn the_last_waker_of_a_caller_is_woken() {
        let fixture = Fixture::open();
        let (first, second) = (Arc::<WakeCount>::default(), Arc::<WakeCount>::default());
        let (ticket, is_first) = fixture.enqueue(1, &first).unwrap();
        assert!(is_first);
        for _ in 0..3 {
            let waker = second.clone().into();
            assert!(
                ticket
                    .poll(fixture.wait, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        let (_, mut batches) = fixture.shards.drain(0);
        let (batch, indices) = batches.pop().unwrap();
        batch.deliver(&no_entries(1), indices);
        assert_eq!((first.get(), second.get()), (0, 1));
        let waker = second.into();
        assert!(
            ticket
                .poll(fixture.wait, &mut Context::from_waker(&waker))
                .is_ready()
        );
        assert!(ticket.into_reply(fixture.wait).unwrap().0.entry.is_none());
    }

    #[test]
    fn closing_fails_the_callers_that_wait_and_refuses_others() {
        let fixture = Fixture::open();
        let wakes = Arc::<WakeCount>::default();
        let (ticket, _) = fixture.enqueue(1, &wakes).unwrap();
        for batch in fixture.shards.close() {
            batch.fail(disconnected());
        }
        assert_eq!(wakes.get(), 1);
        let error = ticket.into_reply(fixture.wait).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        let error = fixture.enqueue(1, &wakes).unwrap_err();
        assert_eq!(error.fault(), Fault::Nothing);
        assert!(!fixture.shards.has_waiters());
    }

    #[test]
    fn a_caller_that_times_out_in_the_queue_is_woken_once() {
        let fixture = Fixture::open();
        let wakes = Arc::<WakeCount>::default();
        let (ticket, _) = fixture.enqueue(1, &wakes).unwrap();
        let moved = Arc::<WakeCount>::default();
        let waker = moved.clone().into();
        assert!(
            ticket
                .poll(fixture.wait, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let now = Instant::now();
        assert_eq!(fixture.shards.wake_late(now), (false, true));
        let late = now + Duration::from_secs(61);
        assert_eq!(fixture.shards.wake_late(late), (true, true));
        assert_eq!(fixture.shards.wake_late(late), (false, true));
        assert_eq!((wakes.get(), moved.get()), (1, 1));
        drop(ticket);
    }

    #[test]
    fn the_queue_is_bounded() {
        let fixture = Fixture::open();
        let wakes = Arc::<WakeCount>::default();
        (0..LONGEST_QUEUE).for_each(|n| drop(fixture.enqueue(n, &wakes).unwrap()));
        let error = fixture.enqueue(0, &wakes).unwrap_err();
        assert_eq!(error.to_string(), "too many calls wait for the store");
    }
}
