//! What callers and the I/O task of a pipeline share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::traffic::Traffic;
use crate::store::redis::connection::target::Target;

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct PipelineState<T> {
    pub(super) target: Arc<Target>,
    pub(super) traffic: T,
    /// What the stage says, for the callers, which ask often.
    pub(super) is_up: AtomicBool,
    io: Mutex<IoState>,
}

pub(super) struct IoState {
    pub(super) stage: PipelineStage,
    /// Requests under way.
    pub(super) requests: usize,
    /// Of the I/O task, while it has nothing to do.
    pub(super) sleeper: Option<Waker>,
    pub(super) late_in_a_row: u32,
    /// How often the I/O task has looked at what waits.
    pub(super) looks: u64,
    /// Of these, at the last question whether it is stalled, if requests could be sent then.
    looks_before: Option<u64>,
}

#[derive(Debug)]
pub(super) enum PipelineStage {
    /// After `until`, the next caller starts an attempt in the background.
    Down {
        until: Option<Instant>,
        pause: Duration,
    },
    /// The thread of its runtime was found blocked: no attempt before that.
    Blocked {
        until: Instant,
    },
    Connecting,
    Up,
    Closed,
}

impl<T: Traffic> PipelineState<T> {
    pub(super) fn new(target: Arc<Target>, traffic: T) -> Self {
        Self {
            target,
            traffic,
            is_up: AtomicBool::new(false),
            io: Mutex::new(IoState {
                stage: PipelineStage::Down {
                    until: None,
                    pause: FIRST_PAUSE,
                },
                requests: 0,
                sleeper: None,
                late_in_a_row: 0,
                looks: 0,
                looks_before: None,
            }),
        }
    }

    pub(super) fn io(&self) -> MutexGuard<'_, IoState> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the I/O task look at what waits. It leaves its waker before it looks for the last time.
    pub(super) fn wake(&self) {
        let mut io = self.io();
        let task = if io.requests < T::REQUESTS {
            io.sleeper.take()
        } else {
            None
        };
        drop(io);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Ends the waits of callers that have timed out; returns whether others are left.
    pub(super) fn expire_waiters(&self, now: Instant) -> bool {
        let waiters = self.traffic.expire(now);
        if waiters.were_late {
            let mut io = self.io();
            io.late_in_a_row += 1;
            if io.late_in_a_row >= T::MOST_LATE {
                self.disconnect(io, false);
            }
        } else if self.traffic.has_waiters() {
            self.wake();
        }
        waiters.are_left
    }

    /// Whether requests could be sent and the I/O task has not looked at them since the last question: then the
    /// thread of its runtime blocks.
    pub(super) fn is_stalled(&self) -> bool {
        let mut io = self.io();
        let is_up = matches!(io.stage, PipelineStage::Up);
        // What waits for something else does not wake the task.
        let is_woken = io.sleeper.is_none() && io.requests < T::REQUESTS;
        let could_send = is_up && is_woken && self.traffic.has_waiters();
        let looks = could_send.then_some(io.looks);
        let before = std::mem::replace(&mut io.looks_before, looks);
        looks.is_some() && looks == before
    }

    /// Has the I/O task end the connection, for good or until the next caller.
    pub(super) fn disconnect(&self, mut io: MutexGuard<'_, IoState>, for_good: bool) {
        self.is_up.store(false, Ordering::Relaxed);
        if for_good {
            io.stage = PipelineStage::Closed;
        } else if matches!(io.stage, PipelineStage::Up) {
            io.stage = PipelineStage::Connecting;
        }
        let task = io.sleeper.take();
        drop(io);
        if let Some(task) = task {
            task.wake();
        }
    }

    pub(super) fn on_connected(&self) {
        let mut io = self.io();
        if !matches!(io.stage, PipelineStage::Closed) {
            io.stage = PipelineStage::Up;
            io.late_in_a_row = 0;
            self.traffic.open();
            self.is_up.store(true, Ordering::Relaxed);
        }
    }

    /// The reply to the oldest request has arrived.
    pub(super) fn end_request(&self) {
        let mut io = self.io();
        io.requests -= 1;
        io.late_in_a_row = 0;
        io.sleeper = None;
    }

    /// The connection was lost: every caller that waits gets an error.
    pub(super) fn on_disconnected(&self, next: PipelineStage) {
        let mut io = self.io();
        self.is_up.store(false, Ordering::Relaxed);
        // The task of a runtime that was blocked ends later.
        if !matches!(
            io.stage,
            PipelineStage::Closed | PipelineStage::Blocked { .. }
        ) {
            io.stage = next;
        }
        io.sleeper = None;
        io.requests = 0;
        // Under the lock: no other connection has opened the queue again.
        self.traffic.close();
    }
}
