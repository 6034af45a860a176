//! The executions of a process: each tells when it starts, and how it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::history::{By, End, Event, Log, Method, Question, RunId, Value};
use support::random::Random;

#[derive(Debug)]
pub struct Runs {
    pub log: Log,
    process: u32,
    seed: u64,
    sequence: AtomicU64,
}

/// What a method fails or panics with.
#[derive(Debug)]
pub struct Failure(pub RunId);

#[derive(Debug)]
pub struct Panic(pub RunId);

tokio::task_local! {
    pub static BY: By;
    pub static CALL: u64;
}

impl Runs {
    pub fn new(log: Log, process: u32, seed: u64) -> Self {
        Self {
            log,
            process,
            seed,
            sequence: AtomicU64::new(0),
        }
    }

    pub fn start(&self, method: Method, key: u32) -> Running<'_> {
        // What runs behind the calls is in none of them.
        let by = match CALL.try_with(|_| ()) {
            Ok(()) => BY.try_with(|by| *by).unwrap_or(By::Call),
            Err(_) => By::Refresh,
        };
        self.start_by(by, Question { method, key })
    }

    pub fn start_by(&self, by: By, question: Question) -> Running<'_> {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
        let started_us = self.log.write(&Event::Started {
            sequence,
            by,
            call: CALL.try_with(|call| *call).ok(),
            question,
        });
        Running {
            runs: self,
            sequence,
            question,
            started_us,
            random: Random(self.seed ^ (u64::from(self.process) << 40) ^ sequence),
            has_ended: false,
        }
    }

    /// What a call was to change has changed: older values are wrong from now on.
    pub fn changed(&self) {
        self.log.write(&Event::Changed { call: CALL.get() });
    }
}

/// A run that tells of its end, whatever that is.
pub struct Running<'a> {
    runs: &'a Runs,
    sequence: u64,
    question: Question,
    started_us: u64,
    random: Random,
    has_ended: bool,
}

impl Running<'_> {
    pub fn id(&self) -> RunId {
        RunId {
            process: self.runs.process,
            sequence: self.sequence,
        }
    }

    pub fn takes(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(1 + self.random.draw() % most_ms)
    }

    pub fn dice(&mut self, sides: u64) -> bool {
        self.random.draw().is_multiple_of(sides)
    }

    pub fn value(&self) -> Value {
        Value::new(self.question, self.id(), self.started_us)
    }

    pub fn end(&mut self, end: End) -> Value {
        self.has_ended = true;
        let sequence = self.sequence;
        self.runs.log.write(&Event::Ended { sequence, end });
        self.value()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(End::Gone);
        }
    }
}
