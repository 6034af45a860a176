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
}

#[derive(Debug)]
pub(super) enum PipelineStage {
    /// After `until`, the next caller starts an attempt in the background.
    Down {
        until: Option<Instant>,
        pause: Duration,
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
        if !matches!(io.stage, PipelineStage::Closed) {
            io.stage = next;
        }
        io.sleeper = None;
        io.requests = 0;
        // Under the lock: no other connection has opened the queue again.
        self.traffic.close();
    }
}
