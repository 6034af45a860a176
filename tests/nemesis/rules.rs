//! What must hold of a history, whatever was broken meanwhile.

mod invalidation;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::history::{
    By, Call, End, Fault, History, Method, Outcome, Question, Run, RunId, Value, build_of,
};
use crate::ops::Op;

/// What things may take.
#[allow(clippy::struct_field_names)] // the unit, as everywhere
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How old a value may be, stale ones included.
    pub ttl_us: u64,
    /// What the cache may add to a call, and to an operation on a handle.
    pub call_us: u64,
    pub handle_us: u64,
    /// What a lease costs that is not released.
    pub lease_us: u64,
    /// How long followers wait at the least before one more of them leads.
    pub timeout_us: u64,
    /// What a loaded machine may add.
    pub slack_us: u64,
}

/// Every breach of a rule, in words.
pub fn breaches(history: &History, bounds: &Bounds) -> Vec<String> {
    let rules = Rules { history, bounds };
    let mut breaches = Vec::new();
    for call in &history.calls {
        let Some((returned_us, outcome)) = &call.returned else {
            breaches.extend(rules.progress(call));
            continue;
        };
        let broken = match outcome {
            Outcome::Value(value) => [
                identity(call, value),
                rules.origin(*returned_us, value),
                rules.age(*returned_us, value),
                rules.isolation(call, value),
            ],
            outcome => [
                rules.transparency(call, *returned_us, outcome),
                None,
                None,
                None,
            ],
        };
        let late = rules.delay(call, *returned_us);
        breaches.extend(broken.into_iter().flatten().chain(late));
    }
    breaches.extend(rules.invalidation());
    breaches.extend(rules.coalescing());
    breaches
}

/// How many breaches of each rule there are, and the first of each.
pub fn summary(breaches: &[String]) -> String {
    let mut rules = BTreeMap::<&str, Vec<&str>>::new();
    for breach in breaches {
        let (rule, what) = breach.split_once(": ").unwrap();
        rules.entry(rule).or_default().push(what);
    }
    let lines = rules.into_iter().map(|(rule, all)| {
        let first = all[..all.len().min(3)].join("\n    ");
        format!("{rule}, {} times:\n    {first}\n", all.len())
    });
    lines.collect()
}

struct Rules<'a> {
    history: &'a History,
    bounds: &'a Bounds,
}

/// C1: a value answers the question that was asked, is whole, and is of the same build. An update returns that of `Keep`.
fn identity(call: &Call, value: &Value) -> Option<String> {
    let mut asked = call.question;
    if call.op == Op::Update {
        asked.method = Method::Keep;
    }
    let is_of_build = build_of(value.run.process) == build_of(call.process);
    (value.question != asked || !value.is_whole() || !is_of_build)
        .then(|| format!("C1 identity: {call:?} was given {value:?}"))
}

impl Rules<'_> {
    /// C2: no value is older than its TTL. Older by what a server that stood still, or a process,
    /// did late.
    fn age(&self, returned_us: u64, value: &Value) -> Option<String> {
        if value.question.method == Method::Keep {
            // Its TTL is longer than a round.
            return None;
        }
        let age_us = returned_us.saturating_sub(value.started_us);
        let stood_us: u64 = self
            .faults(value.started_us, returned_us)
            .filter(|fault| fault.delays || fault.process.is_some())
            .map(|fault| fault.until_us - fault.from_us)
            .sum();
        let took_us = self.run(value.run).map_or(0, |run| {
            run.ended
                .map_or(0, |(ended_us, _)| ended_us - run.started_us)
        });
        let bounds = self.bounds;
        let most_us = bounds.ttl_us + took_us + stood_us + bounds.call_us + bounds.slack_us;
        (age_us > most_us).then(|| format!("C2 age: {age_us} us, over {most_us}, of {value:?}"))
    }

    /// C3: a value was computed, once, as the log has it.
    fn origin(&self, returned_us: u64, value: &Value) -> Option<String> {
        let is_known = self.run(value.run).is_some_and(|run| {
            // What a handle puts may be found before the put returns.
            let was_there = run.by == By::Put
                || run
                    .ended
                    .is_some_and(|(at_us, end)| end == End::Returned && at_us <= returned_us);
            run.question == value.question && run.started_us == value.started_us && was_there
        });
        (!is_known).then(|| format!("C3 origin: no call computed {value:?}"))
    }

    /// C4: an error or a panic is that of a run of this very question, in this process, during
    /// the call; and handles alone may say that the store refused.
    fn transparency(&self, call: &Call, returned_us: u64, outcome: &Outcome) -> Option<String> {
        let own = |id: &RunId, wanted: End| {
            id.process == call.process
                && self.run(*id).is_some_and(|run| {
                    run.question == call.question
                        && run.started_us >= call.invoked_us
                        && run
                            .ended
                            .is_some_and(|(at_us, end)| end == wanted && at_us <= returned_us)
                })
        };
        let is_own = match outcome {
            Outcome::Failed(id) => own(id, End::Failed),
            Outcome::Panicked(id) => own(id, End::Panicked),
            Outcome::Foreign(_) => false,
            Outcome::Refused | Outcome::Done => !matches!(call.op, Op::Call | Op::Refresh),
            Outcome::Value(_) | Outcome::Cancelled => true,
        };
        (!is_own).then(|| format!("C4 transparency: {call:?}"))
    }

    /// C5: beyond the time in which its question was being computed, a call takes little; and a
    /// lease more where one may have been left behind.
    fn delay(&self, call: &Call, returned_us: u64) -> Option<String> {
        let (from_us, until_us) = (call.invoked_us, returned_us);
        let own_us = match call.op {
            Op::Call => self.bounds.call_us,
            _ => self.bounds.handle_us,
        } + self.bounds.slack_us;
        if until_us - from_us <= own_us {
            return None;
        }
        let clipped = |start: u64, end: u64| (start.max(from_us), end.min(until_us));
        let computing = self
            .runs_of(call.question)
            .filter(|(_, run)| !matches!(run.by, By::Put | By::Write))
            .map(|(_, run)| clipped(run.started_us, run.ended.map_or(u64::MAX, |(at, _)| at)));
        let standing = self
            .faults(from_us, until_us)
            .filter(|fault| fault.process == Some(call.process))
            .map(|fault| clipped(fault.from_us, fault.until_us));
        let excused_us = covered(computing.chain(standing).collect());
        // A leader that was lost, or a lease that was granted late to one who had given up.
        let lost_leaders = self
            .faults(from_us.saturating_sub(self.bounds.lease_us), until_us)
            .filter(|fault| !fault.loses)
            .count()
            .min(2);
        let most_us = own_us + self.bounds.lease_us * u64::try_from(lost_leaders).unwrap();
        let added_us = (until_us - from_us).saturating_sub(excused_us);
        (added_us > most_us)
            .then(|| format!("C5 delay: {added_us} us added, over {most_us}, to {call:?}"))
    }

    /// C8: a transaction that has written reads what it has computed itself, and no other call is given that.
    fn isolation(&self, call: &Call, value: &Value) -> Option<String> {
        let run = self.run(value.run)?;
        let is_within = run.by == By::Transaction;
        let is_own = value.run.process == call.process && run.asked_us == Some(call.invoked_us);
        let is_right = if call.op.is_transaction() {
            is_within && is_own
        } else {
            !is_within
        };
        (!is_right).then(|| format!("C8 isolation: {call:?} was given {value:?} of {run:?}"))
    }

    /// C7: in one process a question is not computed by two at a time, but where an invalidation,
    /// a failure or the timeout of followers lets another one lead.
    fn coalescing(&self) -> Vec<String> {
        let mut runs: HashMap<(u32, Question), Vec<&Run>> = HashMap::new();
        for (id, run) in &self.history.runs {
            if run.by == By::Call {
                runs.entry((id.process, run.question))
                    .or_default()
                    .push(run);
            }
        }
        let mut drops: HashMap<u32, Vec<&Call>> = HashMap::new();
        for call in &self.history.calls {
            if call.op.removes(call.question).is_some() {
                drops.entry(call.process).or_default().push(call);
            }
        }
        let mut breaches = Vec::new();
        for ((process, question), mut runs) in runs {
            runs.sort_by_key(|run| run.started_us);
            let drops = drops.get(&process).map_or(&[][..], Vec::as_slice);
            for (nth, later) in runs.iter().enumerate() {
                for earlier in &runs[..nth] {
                    let ended_us = earlier.ended.map_or(u64::MAX, |(at, _)| at);
                    if later.started_us < ended_us
                        && !self.may_overlap(process, question, &runs, drops, earlier, later)
                    {
                        let mut breach = format!("C7 coalescing: process {process} ran ");
                        write!(breach, "{earlier:?} and {later:?}").unwrap();
                        breaches.push(breach);
                    }
                }
            }
        }
        breaches
    }

    fn may_overlap(
        &self,
        process: u32,
        question: Question,
        runs: &[&Run],
        drops: &[&Call],
        earlier: &Run,
        later: &Run,
    ) -> bool {
        let (from_us, until_us) = (earlier.started_us, later.started_us);
        let is_patient = until_us - from_us < self.bounds.timeout_us;
        // Who followed a flight from before an invalidation may lead it after another has begun.
        let before_us = from_us.saturating_sub(self.bounds.timeout_us);
        let was_dropped = || {
            drops.iter().any(|call| {
                call.op.concerns(call.question, question)
                    && call.invoked_us <= until_us
                    && call
                        .returned
                        .as_ref()
                        .is_none_or(|(at, _)| call.may_be_queued() || *at >= before_us)
            })
        };
        // Those who were let on by one failure may start at different times.
        let had_failed = || {
            runs.iter().any(|run| {
                run.ended.is_some_and(|(at_us, end)| {
                    end == End::Failed && at_us <= until_us && at_us >= before_us
                })
            })
        };
        let stood = || {
            self.faults(before_us, until_us)
                .any(|fault| fault.process == Some(process))
        };
        let asked = earlier.asked_us.zip(later.asked_us);
        // A follower's wait began when it called, not when the other run started: its leader may have been waiting too.
        let had_waited =
            || asked.is_some_and(|(_, asked_us)| until_us - asked_us >= self.bounds.timeout_us);
        // A flight that was detached goes on for as long as it has followers. Calls that begin later have another.
        let was_detached = || {
            asked.is_some_and(|(one_us, other_us)| {
                drops.iter().any(|call| {
                    call.op.concerns(call.question, question)
                        && call.invoked_us <= until_us
                        && call
                            .returned
                            .as_ref()
                            .is_none_or(|(at, _)| *at >= one_us.min(other_us))
                })
            })
        };
        !is_patient || was_dropped() || had_failed() || stood() || had_waited() || was_detached()
    }

    /// C9: a call returns, but in a process that was killed.
    fn progress(&self, call: &Call) -> Option<String> {
        let was_killed = self
            .history
            .faults
            .iter()
            .any(|fault| fault.kills && fault.process == Some(call.process));
        (!was_killed).then(|| format!("C9 progress: it never returned: {call:?}"))
    }

    fn run(&self, id: RunId) -> Option<&Run> {
        self.history.runs.get(&id)
    }

    fn runs_of(&self, question: Question) -> impl Iterator<Item = (&RunId, &Run)> {
        let runs = self.history.runs.iter();
        runs.filter(move |(_, run)| run.question == question)
    }

    /// The faults that were there at some time between two instants.
    fn faults(&self, from_us: u64, until_us: u64) -> impl Iterator<Item = &Fault> {
        let faults = self.history.faults.iter();
        faults.filter(move |fault| fault.from_us <= until_us && fault.until_us >= from_us)
    }
}

/// How much of the time some spans cover together.
fn covered(mut spans: Vec<(u64, u64)>) -> u64 {
    spans.sort_unstable();
    let (mut total, mut reached) = (0, 0);
    for (start, end) in spans {
        total += end.saturating_sub(start.max(reached));
        reached = reached.max(end);
    }
    total
}
