//! What callers and the I/O task of a read pipeline share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::batch::{Batch, Ticket, disconnected};
use super::context::PipelineContext;
use super::large_fields::LargeFields;
use super::query::Query;
use super::queue_shards::QueueShards;
use crate::error::Error;

/// Requests under way, each with the batches of all threads: the server works on one while the next
/// one is made. Three were no faster.
pub(super) const REQUESTS: usize = 2;
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// After so many late replies in a row the connection counts as dead: a half-open one never says so.
const MOST_LATE: u32 = 3;

pub(super) struct PipelineState {
    pub(super) context: PipelineContext,
    pub(super) large_fields: Arc<LargeFields>,
    /// What the stage says, for the callers, which ask often.
    pub(super) is_up: AtomicBool,
    pub(super) shards: QueueShards,
    io: Mutex<IoState>,
}

pub(super) struct IoState {
    pub(super) stage: PipelineStage,
    /// The batches of the requests under way.
    pub(super) in_flight: VecDeque<Arc<Batch>>,
    pub(super) requests: usize,
    /// Of the I/O task, while it has nothing to do.
    pub(super) sleeper: Option<Waker>,
    pub(super) late_in_a_row: u32,
}

#[derive(Debug)]
pub(super) enum PipelineStage {
    /// After `until`, the next read starts an attempt in the background.
    Down {
        until: Option<Instant>,
        pause: Duration,
    },
    Connecting,
    Up,
    Closed,
}

impl PipelineState {
    pub(super) fn new(context: PipelineContext, large_fields: Arc<LargeFields>) -> Self {
        Self {
            context,
            large_fields,
            is_up: AtomicBool::new(false),
            shards: QueueShards::default(),
            io: Mutex::new(IoState {
                stage: PipelineStage::Down {
                    until: None,
                    pause: FIRST_PAUSE,
                },
                in_flight: VecDeque::new(),
                requests: 0,
                sleeper: None,
                late_in_a_row: 0,
            }),
        }
    }

    pub(super) fn io(&self) -> MutexGuard<'_, IoState> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enqueue(&self, query: &Query<'_>, waker: &Waker) -> Result<Ticket, Error> {
        let (ticket, is_first) = self.shards.enqueue(query, waker)?;
        if is_first {
            // The I/O task leaves its waker before it looks at the shards for the last time.
            let mut io = self.io();
            let task = if io.requests < REQUESTS {
                io.sleeper.take()
            } else {
                None
            };
            drop(io);
            if let Some(task) = task {
                task.wake();
            }
        }
        Ok(ticket)
    }

    /// Wakes callers that have timed out; returns whether reads are under way.
    pub(super) fn expire_waiters(&self, now: Instant) -> bool {
        let (is_late, waits) = self.shards.wake_late(now);
        let mut io = self.io();
        let in_flight: Vec<_> = io.in_flight.iter().cloned().collect();
        let late = in_flight
            .iter()
            .filter(|batch| batch.wake_late(now))
            .count();
        if is_late || late > 0 {
            io.late_in_a_row += 1;
            if io.late_in_a_row >= MOST_LATE {
                self.disconnect(io, false);
            }
        }
        waits || !in_flight.is_empty()
    }

    /// Has the I/O task end the connection, for good or until the next read.
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
            self.shards.open();
            self.is_up.store(true, Ordering::Relaxed);
        }
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
        let in_flight = std::mem::take(&mut io.in_flight);
        // Under the lock: no other connection has opened the shards again.
        let waiting = self.shards.close();
        drop(io);
        for batch in in_flight.into_iter().chain(waiting) {
            batch.fail(disconnected());
        }
    }
}
