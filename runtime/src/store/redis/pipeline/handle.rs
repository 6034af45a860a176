//! The callers' end of a pipeline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::io_task;
use super::state::{FIRST_PAUSE, PipelineStage, PipelineState};
use super::traffic::Traffic;
use crate::store::redis::connection::target::Target;

/// How long a runtime that was blocked gets no connection.
const STALLED: Duration = Duration::from_secs(60);

/// Dropped, it closes its connection.
pub(crate) struct Pipeline<T: Traffic>(Arc<PipelineState<T>>);

impl<T: Traffic> Pipeline<T> {
    pub(crate) fn new(target: Arc<Target>, traffic: T) -> Self {
        Self(Arc::new(PipelineState::new(target, traffic)))
    }

    /// Whether there is a connection now. If there is none, an attempt starts on this runtime.
    pub(crate) fn is_up(&self, handle: &Handle) -> bool {
        if self.0.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let mut io = self.0.io();
        let (until, pause) = match io.stage {
            PipelineStage::Down { until, pause } => (until, pause),
            PipelineStage::Blocked { until } => (Some(until), FIRST_PAUSE),
            PipelineStage::Connecting | PipelineStage::Up | PipelineStage::Closed => return false,
        };
        if until.is_none_or(|until| Instant::now() >= until) {
            io.stage = PipelineStage::Connecting;
            handle.spawn(io_task::run(self.0.clone(), pause));
        }
        false
    }

    /// What goes over it, for callers to queue, if there is a connection.
    #[inline]
    pub(crate) fn traffic(&self) -> Option<&T> {
        let is_up = self.0.is_up.load(Ordering::Relaxed);
        is_up.then_some(&self.0.traffic)
    }

    /// Has the I/O task look at what waits.
    pub(crate) fn wake(&self) {
        self.0.wake();
    }

    /// Wakes callers that have timed out; returns whether others wait.
    pub(crate) fn expire_waiters(&self, now: Instant) -> bool {
        self.0.expire_waiters(now)
    }

    /// Ends the connection for a while if its runtime is blocked, as by a caller that waits for it.
    pub(crate) fn rest_if_stalled(&self) {
        if self.0.is_stalled() {
            let until = Instant::now() + STALLED;
            self.0.on_disconnected(PipelineStage::Blocked { until });
        }
    }

    /// Whether its runtime is none for a connection: it was blocked a while ago, or has no sockets.
    pub(crate) fn rests(&self) -> bool {
        if self.0.is_up.load(Ordering::Relaxed) {
            return false;
        }
        match self.0.io().stage {
            PipelineStage::Closed => true,
            PipelineStage::Blocked { until } => Instant::now() < until,
            _ => false,
        }
    }

    /// Ends the connection; the next caller starts another attempt.
    pub(crate) fn reconnect(&self) {
        self.0.disconnect(self.0.io(), false);
    }

    pub(crate) fn close(&self) {
        self.0.disconnect(self.0.io(), true);
    }
}

impl<T: Traffic> Drop for Pipeline<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T: Traffic> fmt::Debug for Pipeline<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("target", &self.0.target)
            .field("stage", &self.0.io().stage)
            .finish_non_exhaustive()
    }
}
