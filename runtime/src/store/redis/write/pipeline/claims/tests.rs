use super::super::recording_sink::RecordingSink;
use super::super::reply::PartsParser;
use super::*;
use crate::entry::header::Epoch;

type Receiver = oneshot::Receiver<Result<ClaimReply, Error>>;

const EPOCH: Epoch = Epoch(*b"an epoch");

/// So many claims of one pair; the field and the token of each begin with its number.
fn claims(n: u8) -> (ClaimGroup, Vec<Receiver>) {
    let pair = Pair::for_test("claims");
    let (claims, receivers) = (0..n)
        .map(|at| {
            let (reply, receiver) = oneshot::channel();
            let claim = QueuedClaim {
                pair: pair.clone(),
                field: field(at),
                token: Token([at; 16]),
                deadline_ms: 7,
                origin: Origin {
                    epoch: EPOCH,
                    began: 0,
                },
                has_tags: false,
                until: Instant::now(),
                reply,
            };
            (claim, receiver)
        })
        .unzip();
    (groups(claims).pop().unwrap(), receivers)
}

fn field(at: u8) -> Field {
    Field([at; 20]).of_build(*b"code")
}

/// The state of the method that the claims expect, in the reply.
const STATE: &str = "*1\r\n$16\r\nan epochmorecode\r\n";

/// What a group makes of the reply to `EXEC`, and of those to the commands before it.
fn deliver(group: ClaimGroup, queued: &str, exec: &str, sink: &RecordingSink) -> Option<usize> {
    let bytes = Bytes::from([queued, exec].concat().into_bytes());
    let replies = group.replies();
    let (_, parts) = PartsParser::default()
        .read(&bytes, replies)
        .unwrap()
        .unwrap();
    group.deliver(&parts, &bytes, sink)
}

fn queued(claims: usize) -> String {
    format!("+OK\r\n{}", "+QUEUED\r\n".repeat(claims + 2))
}

#[test]
fn each_caller_gets_what_became_of_its_claim() {
    let sink = RecordingSink::default();
    let (group, receivers) = claims(3);
    let exec = "*5\r\n:1\r\n:1\r\n:0\r\n*3\r\n$-1\r\n$5\r\nentry\r\n$-1\r\n";
    let exec = [exec, STATE].concat();
    assert_eq!(deliver(group, &queued(3), &exec, &sink), Some(3));
    let mut replies = receivers
        .into_iter()
        .map(|mut reply| reply.try_recv().unwrap().unwrap());
    assert!(matches!(replies.next(), Some(ClaimReply::Set(None))));
    let found = replies.next();
    assert!(matches!(found, Some(ClaimReply::Set(Some(entry))) if *entry == *b"entry"));
    assert!(matches!(replies.next(), Some(ClaimReply::Held)));
    assert_eq!(sink.take(), ["answered"]);
}

#[test]
fn a_lease_that_no_caller_was_given_is_released() {
    let sink = RecordingSink::default();
    let (group, mut receivers) = claims(3);
    // Its claim has been sent: it goes away before the reply.
    drop(receivers.remove(1));
    let exec = "*5\r\n:1\r\n:1\r\n:0\r\n*3\r\n$-1\r\n$-1\r\n$-1\r\n";
    let exec = [exec, STATE].concat();
    assert_eq!(deliver(group, &queued(3), &exec, &sink), Some(3));
    assert_eq!(sink.take(), ["answered", "release 1"]);

    // The values are of a foreign type: no caller leads.
    let (group, receivers) = claims(2);
    let exec = ["*4\r\n:1\r\n:0\r\n-WRONGTYPE Operation\r\n", STATE].concat();
    assert_eq!(deliver(group, &queued(2), &exec, &sink), Some(2));
    assert_eq!(sink.take(), ["answered", "release 0"]);
    let errors = receivers
        .into_iter()
        .map(|mut reply| reply.try_recv().unwrap());
    let foreign: Vec<_> = errors
        .map(|reply| reply.is_err_and(|error| error.is_foreign()))
        .collect();
    assert_eq!(foreign, [true, false]);
}

#[test]
fn a_claim_of_another_epoch_or_an_unknown_build_is_outdated() {
    for state in [
        "$-1",
        "$12\r\nno epochcode",
        "$8\r\nan epoch",
        "$16\r\nan epochmoreothr",
        "$3\r\nodd",
    ] {
        let sink = RecordingSink::default();
        let (group, mut receivers) = claims(1);
        let exec = format!("*3\r\n:1\r\n*1\r\n$-1\r\n*1\r\n{state}\r\n");
        assert_eq!(deliver(group, &queued(1), &exec, &sink), Some(1));
        assert_eq!(sink.take(), ["answered"]);
        let reply = receivers.remove(0).try_recv().unwrap().unwrap();
        assert!(matches!(reply, ClaimReply::Outdated), "{state}");
    }
}

/// What the lookup found of tags no longer holds, so an entry that the claim finds could be an old one.
#[test]
fn a_claim_with_tags_is_outdated_once_the_clock_of_tags_has_moved() {
    let clock = |now: u8| format!("$28\r\n{}{}\r\n", char::from(now), "\0".repeat(27));
    let cases = [
        ("$-1\r\n".to_owned(), 0, true),
        (clock(0), 0, true),
        (clock(3), 3, true),
        (clock(4), 3, false),
        (clock(2), 3, false),
        ("$-1\r\n".to_owned(), 3, false),
    ];
    for (clock, began, is_current) in cases {
        let sink = RecordingSink::default();
        let (mut group, mut receivers) = claims(1);
        group.claims[0].has_tags = true;
        group.claims[0].origin.began = began;
        let state = STATE.replace("*1", "*2");
        let exec = format!("*3\r\n:1\r\n*1\r\n$-1\r\n{state}{clock}");
        assert_eq!(deliver(group, &queued(1), &exec, &sink), Some(1));
        let reply = receivers.remove(0).try_recv().unwrap().unwrap();
        let is_set = matches!(reply, ClaimReply::Set(None));
        assert_eq!(is_set, is_current, "{clock:?}, {began}");
    }
}

#[test]
fn an_aborted_transaction_fails_all_once_and_one_that_moved_is_asked_another_way() {
    let abort = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    for (cause, event, fault) in [
        (
            "-OOM command not allowed\r\n",
            "failed RefusesWrites",
            Fault::RefusesWrites,
        ),
        ("-MOVED 1 127.0.0.1:1\r\n", "moved", Fault::Nothing),
    ] {
        let sink = RecordingSink::default();
        let (group, receivers) = claims(2);
        let queued = format!("+OK\r\n{cause}+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
        assert_eq!(deliver(group, &queued, abort, &sink), Some(2));
        assert_eq!(sink.take(), [event]);
        for mut reply in receivers {
            let error = reply.try_recv().unwrap().unwrap_err();
            assert_eq!(error.fault(), fault, "{cause}");
        }
    }
}

#[test]
fn replies_to_something_else_end_the_connection() {
    for exec in [
        "+OK\r\n",
        "*2\r\n:1\r\n*1\r\n$-1\r\n",
        "*3\r\n:1\r\n*2\r\n$-1\r\n$-1\r\n*1\r\n$-1\r\n",
        "*3\r\n:1\r\n*1\r\n$-1\r\n:1\r\n",
        "*3\r\n:1\r\n*1\r\n$-1\r\n*2\r\n$-1\r\n$-1\r\n",
        "*3\r\n:1\r\n*1\r\n$-1\r\n*1\r\n:1\r\n",
        "*3\r\n+OK\r\n*1\r\n$-1\r\n*1\r\n$-1\r\n",
        "*3\r\n:1\r\n*1\r\n:1\r\n*1\r\n$-1\r\n",
    ] {
        let sink = RecordingSink::default();
        let (group, _receivers) = claims(1);
        assert_eq!(deliver(group, &queued(1), exec, &sink), None, "{exec}");
    }
}

#[test]
fn callers_that_have_gone_are_not_sent() {
    let (gone, stays) = (oneshot::channel(), oneshot::channel());
    drop(gone.1);
    let claim = |at: u8, reply| QueuedClaim {
        pair: Pair::for_test("claims"),
        field: field(at),
        token: Token([at; 16]),
        deadline_ms: 7,
        origin: Origin {
            epoch: EPOCH,
            began: 0,
        },
        has_tags: false,
        until: Instant::now(),
        reply,
    };
    let groups = groups(vec![claim(0, gone.0), claim(1, stays.0)]);
    let mut out = BytesMut::new();
    for group in &groups {
        group.write(&mut out);
    }
    let text = String::from_utf8_lossy(&out);
    assert_eq!((groups.len(), text.matches("HSETNX").count()), (1, 1));
}
