//! How a lane reaches the store.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use super::by_node::PipelinesByNode;
use super::server_pipelines::{LaneContext, ServerPipelines};
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::health::endpoint::Endpoint;

#[derive(Debug)]
pub(crate) enum Transport {
    Server(Box<ServerPipelines>),
    Cluster(PipelinesByNode),
    /// Through the redis crate, where it has TLS.
    Manager(ConnectionManager),
}

impl Transport {
    pub(super) fn new(context: &LaneContext, runtime: &Handle) -> Self {
        let target = &context.reads.target;
        if !target.is_plain() {
            Self::Manager(ConnectionManager::new(
                target.clone(),
                Some(runtime.clone()),
            ))
        } else if target.is_cluster() {
            Self::Cluster(PipelinesByNode::new(context))
        } else {
            Self::Server(Box::new(ServerPipelines::new(context)))
        }
    }

    /// Whether there is a connection now, to this node of a cluster. If there is none, an attempt starts.
    pub(super) fn is_up(&self, node: Option<&Arc<Endpoint>>, runtime: &Handle) -> bool {
        match self {
            Self::Server(pipelines) => pipelines.reads.is_up(runtime),
            Self::Cluster(nodes) => node.is_some_and(|node| nodes.is_up(node, runtime)),
            Self::Manager(connection) => connection.is_up(),
        }
    }

    /// The pipelines to the server, or to this node of a cluster.
    #[inline]
    pub(super) fn with<T>(
        &self,
        node: Option<&Arc<Endpoint>>,
        act: impl FnOnce(&ServerPipelines) -> T,
    ) -> Option<T> {
        match self {
            Self::Server(pipelines) => Some(act(pipelines)),
            Self::Cluster(nodes) => nodes.with(node?, act),
            Self::Manager(_) => None,
        }
    }

    pub(super) fn each(&self, mut act: impl FnMut(&ServerPipelines)) {
        match self {
            Self::Server(pipelines) => act(pipelines),
            Self::Cluster(nodes) => nodes.each(act),
            Self::Manager(_) => {}
        }
    }

    /// Wakes callers of pipelines that have timed out; returns whether others wait.
    pub(super) fn expire_waiters(&self, now: Instant) -> bool {
        let mut is_busy = false;
        self.each(|pipelines| is_busy |= pipelines.expire_waiters(now));
        is_busy
    }

    /// Connects again: the server is no longer the right one.
    pub(super) fn reconnect(&self) {
        match self {
            Self::Server(pipelines) => pipelines.reconnect(),
            // A node that serves other slots than before says so.
            Self::Cluster(_) => {}
            Self::Manager(connection) => connection.reconnect_in_background(),
        }
    }

    pub(super) fn close(&self) {
        match self {
            Self::Manager(connection) => connection.close(),
            pipelines => pipelines.each(ServerPipelines::close),
        }
    }
}
