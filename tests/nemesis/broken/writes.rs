//! Of builds, of methods that write, and of transactions.

use super::{ONE, OTHER, RUN, broken, call, given, run};
use crate::history::{By, Closed, End, History, Method, Outcome, Question, RunId, Value};
use crate::ops::Op;

const OTHER_KEY: Question = Question {
    method: Method::Find,
    key: 2,
};

#[test]
fn a_value_of_another_build_is_noticed() {
    assert_eq!(broken(|history| history.calls[1].process = 1), ["C1"]);
}

/// A write by process 4 from 1,220 to 1,230, which ends or not before process 2 hits.
fn write(op: Op, change: impl FnOnce(&mut History)) -> Vec<String> {
    broken(|history| {
        let outcome = Outcome::Done;
        history.calls.push(call(4, op, 1_220, 1_230, outcome));
        change(history);
    })
}

#[test]
fn a_value_from_before_a_write_is_noticed() {
    for op in [Op::Write, Op::WriteGroup, Op::Update, Op::Commit] {
        assert_eq!(write(op, |_| {}), ["C6"], "{op:?}");
        let rolled_back = write(op, |history| history.calls[2].changed_us = None);
        assert!(rolled_back.is_empty(), "{op:?}");
        let of_another = write(op, |history| history.calls[2].question = OTHER_KEY);
        assert!(of_another.is_empty(), "{op:?}");
    }
    assert!(write(Op::RollBack, |_| {}).is_empty());
    // A write of a key concerns all methods, and the change counts, not the call.
    let of_all = write(Op::Write, |history| history.calls[2].question = OTHER);
    assert_eq!(of_all, ["C6"]);
    let changed = |changed_us| {
        write(Op::Commit, |history| {
            history.calls[2].invoked_us = 1_000;
            history.calls[2].changed_us = Some(changed_us);
        })
    };
    assert_eq!(changed(1_011), ["C6"]);
    assert!(changed(1_010).is_empty());
}

#[test]
fn a_write_that_is_to_be_sent_again_counts_in_its_process_and_once_it_was_sent() {
    let by = |process, closed: Option<Closed>| {
        write(Op::Write, |history| {
            history.calls[2].process = process;
            history.calls[2].troubled = true;
            history
                .closed
                .extend(closed.map(|closed| (process, closed)));
        })
    };
    assert_eq!(by(2, None), ["C6"], "the reader's own");
    assert!(by(4, None).is_empty(), "it may still be under way");
    let closed = |at_us, lost| {
        let queued = 1;
        Some(Closed {
            at_us,
            queued,
            lost,
        })
    };
    assert_eq!(by(4, closed(1_400, 0)), ["C6"]);
    assert!(by(4, closed(1_400, 1)).is_empty(), "it was given up");
    assert!(by(4, closed(1_505, 0)).is_empty());
}

#[test]
fn what_an_update_returns_is_as_new_as_its_end() {
    let update = |ended_us| {
        write(Op::Invalidate, |history| {
            history.calls.remove(0);
            let run = history.runs.get_mut(&RUN).unwrap();
            run.by = By::Update;
            run.ended = Some((ended_us, End::Returned));
        })
    };
    assert_eq!(update(1_210), ["C6"]);
    assert!(update(1_225).is_empty());
}

/// A transaction of process 2 that reads at 1,600, and what it was given.
fn transaction(op: Op, change: impl FnOnce(&mut History)) -> Vec<String> {
    broken(|history| {
        let id = RunId {
            process: 2,
            sequence: 7,
        };
        let mut read = run(1_610, 1_650, End::Returned);
        read.by = By::Transaction;
        history.runs.insert(id, read);
        let value = Outcome::Value(Value::new(ONE, id, 1_610));
        history.calls.push(call(2, op, 1_600, 1_660, value));
        change(history);
    })
}

#[test]
fn a_transaction_that_is_given_what_others_computed_is_noticed() {
    for op in [Op::Commit, Op::RollBack] {
        assert!(transaction(op, |_| {}).is_empty());
        let a_hit = transaction(op, |history| {
            let value = given(history).clone();
            history.calls[2].returned.as_mut().unwrap().1 = Outcome::Value(value);
        });
        assert_eq!(a_hit, ["C8"], "{op:?}");
        let of_another = transaction(op, |history| history.calls[2].invoked_us = 1_601);
        assert_eq!(of_another, ["C8"], "{op:?}");
    }
}

#[test]
fn what_a_transaction_has_computed_and_others_are_given_is_noticed() {
    let leaked = transaction(Op::RollBack, |history| {
        let (_, value) = history.calls[2].returned.clone().unwrap();
        history.calls.push(call(2, Op::Call, 1_700, 1_710, value));
    });
    assert_eq!(leaked, ["C8"]);
}
