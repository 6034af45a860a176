use std::sync::Mutex;

use super::super::recording_sink::RecordingSink;
use super::super::reply::PartsParser;
use super::*;
use crate::entry::header::{Origin, UnstampedEntry};
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::settings::{StructureTtl, Touch};
use crate::store::maxsize::MaxSize;

type Outcomes = Arc<Mutex<Vec<(u8, String)>>>;

struct Fixture {
    pair: Arc<Pair>,
    sink: Arc<RecordingSink>,
    waiting: VecDeque<QueuedPut>,
    outcomes: Outcomes,
}

impl Fixture {
    fn new(policy: Policy, sink: RecordingSink) -> Self {
        let structure = StructureTtl::default();
        let pair = Pair::new(
            7,
            "puts".into(),
            policy,
            structure,
            MaxSize::new(9),
            Touch::default(),
        );
        Self {
            pair: Arc::new(pair),
            sink: Arc::new(sink),
            waiting: VecDeque::new(),
            outcomes: Outcomes::default(),
        }
    }

    fn queue(&mut self, field: u8, bytes: usize) {
        let outcomes = self.outcomes.clone();
        let done = PutDone::new(move |outcome| {
            let outcome = match outcome {
                Ok(outcome) => format!("{outcome:?}"),
                Err(error) => format!("{:?}", error.kind()),
            };
            outcomes.lock().unwrap().push((field, outcome));
        });
        let put = Put {
            field: Field([field; 20]),
            entry: UnstampedEntry {
                head: [0; 4],
                tail: vec![0; bytes],
            },
            soft_ms: 0,
            hard_ms: 0,
            token: None,
            origin: Origin::default(),
            tags: TagIds::NONE,
            now: None,
        };
        let queued = QueuedPut::new(&self.pair, put, done, &Clock::default());
        self.waiting.push_back(queued);
    }

    /// Makes a request of what waits; returns the fields of each of its scripts, and what was written.
    fn send(&mut self) -> Option<(PutScripts, Vec<Vec<u8>>, String)> {
        let sink: Arc<dyn WriteSink> = self.sink.clone();
        let mut out = BytesMut::new();
        let scripts = PutScripts::send(&mut self.waiting, &Arc::downgrade(&sink), &mut out)?;
        let fields =
            |script: &PutScript| script.puts.iter().map(|put| put.put.field.0[0]).collect();
        let fields = scripts.0.iter().map(fields).collect();
        Some((scripts, fields, String::from_utf8_lossy(&out).into_owned()))
    }

    fn deliver(&self, scripts: PutScripts, reply: &str) -> Option<Vec<QueuedPut>> {
        let bytes = Bytes::from(reply.to_owned().into_bytes());
        let (_, parts) = PartsParser::default()
            .read(&bytes, scripts.len())
            .unwrap()
            .unwrap();
        scripts
            .deliver(&parts, &bytes, &*self.sink)
            .map(|(_, again)| again)
    }

    fn outcomes(&self) -> Vec<(u8, String)> {
        std::mem::take(&mut *self.outcomes.lock().unwrap())
    }
}

#[test]
fn scripts_take_so_many_puts_and_bytes_and_each_field_once() {
    let mut fixture = Fixture::new(Policy::LruT, RecordingSink::default());
    (0..20).for_each(|field| fixture.queue(field, 40));
    let (_scripts, fields, _) = fixture.send().unwrap();
    assert_eq!(fields, [(0..16).collect::<Vec<_>>(), (16..20).collect()]);

    // Puts of one field keep their order.
    for field in [1, 2, 1, 3] {
        fixture.queue(field, 40);
    }
    let (_scripts, fields, _) = fixture.send().unwrap();
    assert_eq!(fields, [vec![1, 2], vec![1, 3]]);

    for field in [1, 2, 3] {
        fixture.queue(field, MOST_BYTES / 2);
    }
    let (_scripts, fields, _) = fixture.send().unwrap();
    assert_eq!(fields, [vec![1, 2], vec![3]]);

    // The rest waits for the next request.
    let mut fixture = Fixture::new(Policy::Mru, RecordingSink::default());
    (0..6).for_each(|field| fixture.queue(field, 40));
    let (_scripts, fields, _) = fixture.send().unwrap();
    assert_eq!(fields, [[0], [1], [2], [3]]);
    assert_eq!(fixture.waiting.len(), 2);
}

#[test]
fn each_put_hears_what_it_came_to() {
    let mut fixture = Fixture::new(Policy::LruT, RecordingSink::default());
    (0..3).for_each(|field| fixture.queue(field, 40));
    let (scripts, ..) = fixture.send().unwrap();
    let again = fixture
        .deliver(scripts, "*3\r\n:2\r\n:-1\r\n:2\r\n")
        .unwrap();
    assert!(again.is_empty());
    let outcomes = ["Stored(2)", "Fenced", "Stored(0)"].map(str::to_owned);
    assert_eq!(fixture.outcomes(), (0..).zip(outcomes).collect::<Vec<_>>());
    assert_eq!(fixture.sink.take(), ["answered", "sweep again"]);

    (0..2).for_each(|field| fixture.queue(field, 40));
    let (scripts, ..) = fixture.send().unwrap();
    fixture
        .deliver(scripts, "-OOM command not allowed\r\n")
        .unwrap();
    let outcomes = fixture.outcomes();
    assert!(outcomes.iter().all(|(_, outcome)| outcome == "Server") && outcomes.len() == 2);
    assert_eq!(
        fixture.sink.take(),
        ["failed RefusesWrites"],
        "once for all"
    );
}

#[test]
fn puts_whose_script_is_not_known_are_sent_with_its_text() {
    let mut fixture = Fixture::new(Policy::LruT, RecordingSink::default());
    (0..2).for_each(|field| fixture.queue(field, 40));
    let (scripts, _, sent) = fixture.send().unwrap();
    assert!(sent.contains("EVALSHA") && !sent.contains("local "));
    let again = fixture
        .deliver(scripts, "-NOSCRIPT No matching script.\r\n")
        .unwrap();
    assert_eq!((again.len(), fixture.outcomes()), (2, Vec::new()));
    fixture.waiting.extend(again);
    let (_scripts, _, sent) = fixture.send().unwrap();
    assert!(!sent.contains("EVALSHA") && sent.contains("local "));
}

#[test]
fn puts_of_a_lost_connection_or_of_another_node_go_another_way() {
    let mut fixture = Fixture::new(Policy::LruT, RecordingSink::default());
    (0..2).for_each(|field| fixture.queue(field, 40));
    let (scripts, ..) = fixture.send().unwrap();
    drop(scripts);
    assert_eq!(fixture.sink.take(), ["elsewhere 0", "elsewhere 1"]);

    fixture.queue(2, 40);
    let (scripts, ..) = fixture.send().unwrap();
    fixture
        .deliver(scripts, "-MOVED 1 127.0.0.1:1\r\n")
        .unwrap();
    assert_eq!(fixture.sink.take(), ["moved", "elsewhere 2"]);

    // A reply to something else: the connection ends.
    fixture.queue(3, 40);
    let (scripts, ..) = fixture.send().unwrap();
    assert!(fixture.deliver(scripts, "+OK\r\n").is_none());
    assert_eq!(fixture.sink.take(), ["elsewhere 3"]);
}

#[test]
fn puts_wait_in_their_order_while_hits_are_recorded() {
    let sink = RecordingSink {
        is_recording: true,
        ..RecordingSink::default()
    };
    let mut fixture = Fixture::new(Policy::LruT, sink);
    (0..20).for_each(|field| fixture.queue(field, 40));
    assert!(fixture.send().is_none());
    let waiting = fixture.waiting.iter().map(|put| put.put.field.0[0]);
    assert_eq!(waiting.collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}
