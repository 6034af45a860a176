//! Two pipelines, so that a large entry delays no small ones (head-of-line blocking).

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use tokio::runtime::Handle;

use super::batch::Ticket;
use super::context::PipelineContext;
use super::query::Query;
use super::traffic::ReadTraffic;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::store::redis::pipeline::handle::Pipeline;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::{EntryOf, Pair};

/// The pipelines of a lane. The one for large entries is opened when the first has been read.
#[derive(Debug)]
pub(crate) struct PipelinesBySize {
    small: Pipeline<ReadTraffic>,
    large: Pipeline<ReadTraffic>,
    large_fields: Arc<LargeFields>,
}

impl PipelinesBySize {
    pub(crate) fn new(context: &PipelineContext, large_fields: Arc<LargeFields>) -> Self {
        Self {
            small: pipeline(context, &large_fields),
            large: pipeline(context, &large_fields),
            large_fields,
        }
    }

    /// Whether there is a connection now. If there is none, an attempt starts on this runtime.
    pub(crate) fn is_up(&self, handle: &Handle) -> bool {
        self.small.is_up(handle)
    }

    /// Adds a read to the next batch, if there is a connection.
    pub(crate) fn enqueue(
        &self,
        query: &Query<'_>,
        waker: &Waker,
        runtime: &Handle,
    ) -> Option<Result<Ticket, Error>> {
        if self.large_fields.contains(query.field) && self.large.is_up(runtime) {
            return enqueue(&self.large, query, waker);
        }
        enqueue(&self.small, query, waker)
    }

    /// Adds reads of many fields in one step. `None` where there is no connection, or a field is large.
    pub(crate) fn enqueue_all(
        &self,
        pair: &Arc<Pair>,
        wanted: &[EntryOf],
        wait: Timeout,
        waker: &Waker,
    ) -> Option<Vec<Ticket>> {
        if wanted
            .iter()
            .any(|one| self.large_fields.contains(one.field))
        {
            return None;
        }
        let queries = wanted.iter().map(|one| Query::new(pair, one, wait));
        let queued = self.small.traffic()?.enqueue_all(queries, waker);
        let (tickets, is_first) = queued.ok()?;
        if is_first {
            self.small.wake();
        }
        Some(tickets)
    }

    /// Wakes callers that have timed out; returns whether reads are under way.
    pub(crate) fn expire_waiters(&self, now: Instant) -> bool {
        let small = self.small.expire_waiters(now);
        self.large.expire_waiters(now) || small
    }

    /// Ends the connections for a while if their runtime is blocked, as by a caller that waits for them.
    pub(crate) fn rest_if_stalled(&self) {
        self.small.rest_if_stalled();
        self.large.rest_if_stalled();
    }

    /// Whether their runtime is none for connections.
    pub(crate) fn rests(&self) -> bool {
        self.small.rests()
    }

    /// Ends the connections; the next read starts another attempt.
    pub(crate) fn reconnect(&self) {
        self.small.reconnect();
        self.large.reconnect();
    }

    pub(crate) fn close(&self) {
        self.small.close();
        self.large.close();
    }
}

fn pipeline(context: &PipelineContext, large_fields: &Arc<LargeFields>) -> Pipeline<ReadTraffic> {
    let traffic = ReadTraffic::new(context, large_fields.clone());
    Pipeline::new(context.target.clone(), traffic)
}

/// Adds a read to the next batch, if there is a connection.
fn enqueue(
    pipeline: &Pipeline<ReadTraffic>,
    query: &Query<'_>,
    waker: &Waker,
) -> Option<Result<Ticket, Error>> {
    let queued = pipeline.traffic()?.enqueue(query, waker);
    Some(queued.map(|(ticket, is_first)| {
        if is_first {
            pipeline.wake();
        }
        ticket
    }))
}
