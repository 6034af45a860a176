//! Histories that break one rule each: every rule is seen to fail.

mod writes;

use std::collections::HashMap;

use crate::history::{By, Call, End, Fault, History, Method, Outcome, Question, Run, RunId, Value};
use crate::ops::Op;
use crate::rules::{Bounds, breaches};

const BOUNDS: Bounds = Bounds {
    ttl_us: 1_000,
    call_us: 100,
    handle_us: 500,
    lease_us: 2_000,
    timeout_us: 400,
    slack_us: 50,
};

const ONE: Question = Question {
    method: Method::Find,
    key: 1,
};
const OTHER: Question = Question {
    method: Method::Fetch,
    key: 1,
};
const RUN: RunId = RunId {
    process: 0,
    sequence: 0,
};

/// Process 0 misses and computes from 1,010 to 1,200; process 2, of the same build, hits at 1,500.
fn sound() -> History {
    let value = Outcome::Value(Value::new(ONE, RUN, 1_010));
    History {
        calls: vec![
            call(0, Op::Call, 1_000, 1_210, value.clone()),
            call(2, Op::Call, 1_500, 1_510, value),
        ],
        runs: HashMap::from([(RUN, run(1_010, 1_200, End::Returned))]),
        faults: Vec::new(),
        closed: HashMap::new(),
    }
}

fn call(process: u32, op: Op, invoked_us: u64, returned_us: u64, outcome: Outcome) -> Call {
    Call {
        process,
        op,
        question: ONE,
        invoked_us,
        changed_us: op.is_declared().then_some(invoked_us),
        troubled: false,
        returned: Some((returned_us, outcome)),
    }
}

fn run(started_us: u64, ended_us: u64, end: End) -> Run {
    Run {
        by: By::Call,
        question: ONE,
        asked_us: Some(started_us - 10),
        started_us,
        ended: Some((ended_us, end)),
        unfenced: false,
    }
}

fn fault(from_us: u64, until_us: u64) -> Fault {
    Fault {
        name: String::new(),
        from_us,
        until_us,
        delays: false,
        loses: false,
        process: None,
        kills: false,
    }
}

/// The rules that a changed history breaks.
fn broken(change: impl FnOnce(&mut History)) -> Vec<String> {
    let mut history = sound();
    change(&mut history);
    let breaches = breaches(&history, &BOUNDS);
    let rules = breaches.iter().map(|breach| breach[..2].to_owned());
    rules.collect()
}

/// What the hit of process 2 was given.
fn given(history: &mut History) -> &mut Value {
    match &mut history.calls[1].returned {
        Some((_, Outcome::Value(value))) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_history_breaks_no_rule() {
    assert!(broken(|_| {}).is_empty());
}

#[test]
fn a_value_of_another_question_is_noticed() {
    assert_eq!(broken(|history| history.calls[1].question = OTHER), ["C1"]);
    assert_eq!(broken(|history| _ = given(history).filler.pop()), ["C1"]);
}

#[test]
fn a_value_past_its_ttl_is_noticed() {
    let late = |history: &mut History, at_us| {
        history.calls[1].invoked_us = at_us;
        history.calls[1].returned.as_mut().unwrap().0 = at_us;
    };
    assert!(broken(|history| late(history, 2_300)).is_empty());
    assert_eq!(broken(|history| late(history, 2_400)), ["C2"]);
    let excused = broken(|history| {
        late(history, 2_400);
        history.faults.push(Fault {
            delays: true,
            ..fault(1_100, 1_300)
        });
    });
    assert!(excused.is_empty());
}

#[test]
fn a_value_that_no_call_computed_is_noticed() {
    let unknown = |history: &mut History| {
        history.runs.clear();
        history.calls.remove(0);
    };
    assert_eq!(broken(unknown), ["C3"]);
    let failed = |history: &mut History| {
        history.runs.insert(RUN, run(1_010, 1_200, End::Failed));
    };
    assert_eq!(broken(failed), ["C3", "C3"]);
    let unfinished = |history: &mut History| {
        history.runs.insert(RUN, run(1_010, 1_300, End::Returned));
    };
    assert_eq!(broken(unfinished), ["C3"]);
    assert_eq!(broken(|history| given(history).started_us += 1), ["C3"]);
}

#[test]
fn an_error_of_another_call_is_noticed() {
    let failing = RunId {
        process: 1,
        sequence: 0,
    };
    let says = |outcome: Outcome| {
        move |history: &mut History| {
            history.runs.insert(failing, run(2_001, 2_009, End::Failed));
            history.calls.push(call(1, Op::Call, 2_000, 2_010, outcome));
        }
    };
    assert!(broken(says(Outcome::Failed(failing))).is_empty());
    assert_eq!(broken(says(Outcome::Panicked(failing))), ["C4"]);
    assert_eq!(broken(says(Outcome::Failed(RUN))), ["C4"]);
    assert_eq!(broken(says(Outcome::Refused)), ["C4"]);
    assert_eq!(broken(says(Outcome::Foreign("oh".to_owned()))), ["C4"]);
    let before = broken(|history| {
        says(Outcome::Failed(failing))(history);
        history.calls[2].invoked_us = 2_005;
    });
    assert_eq!(before, ["C4"], "it had begun before the call");
    let handle = broken(|history| {
        let refused = call(1, Op::Invalidate, 2_000, 2_010, Outcome::Refused);
        history.calls.push(refused);
    });
    assert!(handle.is_empty());
}

#[test]
fn a_call_that_takes_too_long_is_noticed() {
    let slow = |history: &mut History| history.calls[1].invoked_us = 1_300;
    assert_eq!(broken(slow), ["C5"]);
    let computing = broken(|history| {
        slow(history);
        history.runs.insert(RUN, run(1_010, 1_450, End::Returned));
        history.calls[0].returned.as_mut().unwrap().0 = 1_460;
    });
    assert!(computing.is_empty());
    let standing = broken(|history| {
        slow(history);
        history.faults.push(Fault {
            process: Some(2),
            ..fault(1_310, 1_400)
        });
    });
    assert!(standing.is_empty());
}

#[test]
fn a_value_from_before_an_invalidation_is_noticed() {
    let invalidate = |op, outcome| {
        move |history: &mut History| {
            history.calls.push(call(2, op, 1_220, 1_230, outcome));
        }
    };
    assert_eq!(broken(invalidate(Op::Invalidate, Outcome::Done)), ["C6"]);
    assert_eq!(broken(invalidate(Op::InvalidateAll, Outcome::Done)), ["C6"]);
    assert_eq!(broken(invalidate(Op::InvalidateTag, Outcome::Done)), ["C6"]);
    assert_eq!(broken(invalidate(Op::Purge, Outcome::Done)), ["C6"]);
    assert!(broken(invalidate(Op::Invalidate, Outcome::Refused)).is_empty());
    let overlapping = broken(|history| {
        invalidate(Op::Invalidate, Outcome::Done)(history);
        history.calls[2].returned.as_mut().unwrap().0 = 1_505;
    });
    assert!(overlapping.is_empty());
    let of_another = broken(|history| {
        invalidate(Op::Invalidate, Outcome::Done)(history);
        history.calls[2].question = OTHER;
    });
    assert!(of_another.is_empty());
    let lost = broken(|history| {
        invalidate(Op::Invalidate, Outcome::Done)(history);
        history.faults.push(Fault {
            loses: true,
            ..fault(1_240, 1_250)
        });
    });
    assert!(lost.is_empty());
    let unfenced = |process| {
        broken(move |history| {
            invalidate(Op::Invalidate, Outcome::Done)(history);
            history.runs.get_mut(&RUN).unwrap().unfenced = true;
            history.calls[1].process = process;
        })
    };
    assert!(unfenced(0).is_empty(), "shared in its process");
    assert_eq!(unfenced(2), ["C6"], "stored");
    let put = |ended_us| {
        broken(move |history| {
            invalidate(Op::Invalidate, Outcome::Done)(history);
            history.calls.remove(0);
            let run = history.runs.get_mut(&RUN).unwrap();
            run.by = By::Put;
            run.ended = Some((ended_us, End::Returned));
        })
    };
    assert_eq!(put(1_210), ["C6"], "put before the invalidation");
    assert!(put(1_225).is_empty());
}

#[test]
fn two_executions_at_a_time_are_noticed() {
    let later = |process| RunId {
        process,
        sequence: 1,
    };
    let twice = |history: &mut History| {
        let second = run(1_100, 1_300, End::Returned);
        history.runs.insert(later(0), second);
    };
    assert_eq!(broken(twice), ["C7"]);
    let elsewhere = broken(|history| {
        let second = run(1_100, 1_300, End::Returned);
        history.runs.insert(later(1), second);
    });
    assert!(elsewhere.is_empty());
    let dropped = broken(|history| {
        twice(history);
        let drop = call(0, Op::Invalidate, 1_050, 1_060, Outcome::Done);
        // Of what was computed before, so that only the overlap is looked at.
        history.calls.splice(1.., [drop]);
    });
    assert!(dropped.is_empty());
    let failed = broken(|history| {
        twice(history);
        let failure = run(900, 1_000, End::Failed);
        history.runs.insert(later(0).next(), failure);
    });
    assert!(failed.is_empty());
    let patient = broken(|history| {
        history.runs.insert(RUN, run(1_010, 1_500, End::Returned));
        history.calls[0].returned.as_mut().unwrap().0 = 1_505;
        history.runs.insert(later(0), run(1_450, 1_460, End::Gone));
    });
    assert!(patient.is_empty());
}

/// A second run of process 0 from 1,100 to 1,300, for a call that began at `asked_us`.
fn second(history: &mut History, asked_us: u64) {
    let id = RunId {
        process: 0,
        sequence: 1,
    };
    let run = Run {
        asked_us: Some(asked_us),
        ..run(1_100, 1_300, End::Returned)
    };
    history.runs.insert(id, run);
}

#[test]
fn a_follower_that_has_waited_too_long_runs_beside_its_leader() {
    // The leader waited for another process first, so its run began a moment ago.
    assert!(broken(|history| second(history, 700)).is_empty());
    assert_eq!(broken(|history| second(history, 701)), ["C7"]);
}

#[test]
fn an_execution_by_the_wrong_follower_is_noticed() {
    let first_waited = |history: &mut History| {
        second(history, 1_090);
        history.runs.get_mut(&RUN).unwrap().asked_us = Some(500);
    };
    assert_eq!(broken(first_waited), ["C7"], "who waited long ran first");
}

#[test]
fn a_flight_that_was_detached_goes_on_beside_the_next() {
    // It lost its leader, and a follower from before the purge runs at 1,010.
    let detached = |op, asked_us| {
        move |history: &mut History| {
            second(history, 1_090);
            history.runs.get_mut(&RUN).unwrap().asked_us = Some(asked_us);
            history
                .calls
                .insert(0, call(0, op, 500, 600, Outcome::Done));
        }
    };
    let changed = |op, asked_us| {
        broken(|history| {
            detached(op, asked_us)(history);
            // Of the overlap only: whether the value may be given is another rule's affair.
            history.calls.truncate(1);
        })
    };
    for op in [Op::Purge, Op::Invalidate] {
        assert!(changed(op, 600).is_empty(), "{op:?}");
        assert_eq!(changed(op, 601), ["C7"], "{op:?}: both began after it");
    }
    let of_another = broken(|history| {
        detached(Op::Invalidate, 600)(history);
        history.calls.truncate(1);
        history.calls[0].question = OTHER;
    });
    assert_eq!(of_another, ["C7"]);
}

#[test]
fn a_call_that_never_returns_is_noticed() {
    let hangs = |history: &mut History| history.calls[1].returned = None;
    assert_eq!(broken(hangs), ["C9"]);
    let killed = broken(|history| {
        hangs(history);
        history.faults.push(Fault {
            process: Some(2),
            kills: true,
            ..fault(1_505, 1_506)
        });
    });
    assert!(killed.is_empty());
}

impl RunId {
    fn next(self) -> Self {
        Self {
            sequence: self.sequence + 1,
            ..self
        }
    }
}
