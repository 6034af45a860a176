//! A lane's connections to one server.

use std::sync::Arc;
use std::time::Instant;

use super::pipeline::by_size::PipelinesBySize;
use super::pipeline::context::PipelineContext;
use crate::store::redis::health::endpoint::Endpoint;
use crate::store::redis::pipeline::handle::Pipeline;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::redis::write::pipeline::context::WriteContext;
use crate::store::redis::write::pipeline::traffic::WriteTraffic;

/// Reads never wait for claims and puts, which have a connection of their own.
#[derive(Debug)]
pub(crate) struct ServerPipelines {
    pub(super) reads: PipelinesBySize,
    pub(super) writes: Pipeline<WriteTraffic>,
}

/// What the pipelines of a lane know of their store.
#[derive(Debug, Clone)]
pub(crate) struct LaneContext {
    pub(crate) reads: PipelineContext,
    pub(crate) writes: WriteContext,
}

impl LaneContext {
    /// That of a node of a cluster, if it can be connected to.
    pub(super) fn of_node(&self, node: &Arc<Endpoint>) -> Option<Self> {
        let (host, port) = node.address.as_ref()?;
        let target = Arc::new(self.reads.target.node(host, *port)?);
        Some(Self {
            reads: PipelineContext {
                target: target.clone(),
                endpoint: node.clone(),
                ..self.reads.clone()
            },
            writes: WriteContext {
                target,
                ..self.writes.clone()
            },
        })
    }
}

impl ServerPipelines {
    pub(super) fn new(context: &LaneContext) -> Self {
        let LaneContext { reads, writes } = context;
        let large_fields = Arc::<LargeFields>::default();
        Self {
            reads: PipelinesBySize::new(reads, large_fields.clone()),
            writes: Pipeline::new(
                writes.target.clone(),
                WriteTraffic::new(writes, large_fields),
            ),
        }
    }

    /// Ends the connections for a while if their runtime is blocked, as by a caller that waits for them.
    pub(super) fn rest_if_stalled(&self) {
        self.reads.rest_if_stalled();
        self.writes.rest_if_stalled();
    }

    /// Wakes callers that have timed out; returns whether others wait.
    pub(super) fn expire_waiters(&self, now: Instant) -> bool {
        let reads = self.reads.expire_waiters(now);
        self.writes.expire_waiters(now) || reads
    }

    /// Ends the connections; the next caller starts another attempt.
    pub(super) fn reconnect(&self) {
        self.reads.reconnect();
        self.writes.reconnect();
    }

    pub(super) fn close(&self) {
        self.reads.close();
        self.writes.close();
    }
}
