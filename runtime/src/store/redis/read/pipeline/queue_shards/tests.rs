use std::sync::atomic::AtomicUsize;
use std::task::{Context, Wake};
use std::time::Duration;

use bytes::Bytes;

use super::super::batch::BatchReply;
use super::super::request::PairReply;
use super::*;
use crate::deadline::Timeout;
use crate::error::Fault;
use crate::key::digest::Field;
use crate::key::tags::TagIds;

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
            tags: &TagIds::NONE,
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
        pairs: vec![Ok(PairReply {
            entries: vec![None; n],
            epochs: vec![None],
            tags: None,
        })],
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
    assert_eq!(request.expected_lens(), [50, 1]);
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
    assert!(
        ticket
            .into_reply(fixture.wait, &TagIds::NONE)
            .unwrap()
            .0
            .entry
            .is_none()
    );
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
    let error = ticket.into_reply(fixture.wait, &TagIds::NONE).unwrap_err();
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
