//! The callers' end of a read pipeline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use tokio::runtime::Handle;

use super::batch::Ticket;
use super::context::PipelineContext;
use super::io_task;
use super::large_fields::LargeFields;
use super::query::Query;
use super::state::{PipelineStage, PipelineState};
use crate::error::Error;

/// Dropped, it closes its connection.
pub(super) struct Pipeline(Arc<PipelineState>);

impl Pipeline {
    pub(super) fn new(context: &PipelineContext, large_fields: Arc<LargeFields>) -> Self {
        Self(Arc::new(PipelineState::new(context.clone(), large_fields)))
    }

    /// Whether there is a connection now. If there is none, an attempt starts on this runtime.
    pub(super) fn is_up(&self, handle: &Handle) -> bool {
        if self.0.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let mut io = self.0.io();
        if let PipelineStage::Down { until, pause } = io.stage
            && until.is_none_or(|until| Instant::now() >= until)
        {
            io.stage = PipelineStage::Connecting;
            handle.spawn(io_task::run(self.0.clone(), pause));
        }
        false
    }

    /// Adds a read to the next batch, if there is a connection.
    pub(super) fn enqueue(
        &self,
        query: &Query<'_>,
        waker: &Waker,
    ) -> Option<Result<Ticket, Error>> {
        let is_up = self.0.is_up.load(Ordering::Relaxed);
        is_up.then(|| self.0.enqueue(query, waker))
    }

    /// Wakes callers that have timed out; returns whether reads are under way.
    pub(super) fn expire_waiters(&self, now: Instant) -> bool {
        self.0.expire_waiters(now)
    }

    /// Ends the connection; the next read starts another attempt.
    pub(super) fn reconnect(&self) {
        self.0.disconnect(self.0.io(), false);
    }

    pub(super) fn close(&self) {
        self.0.disconnect(self.0.io(), true);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("target", &self.0.context.target)
            .field("stage", &self.0.io().stage)
            .finish_non_exhaustive()
    }
}
