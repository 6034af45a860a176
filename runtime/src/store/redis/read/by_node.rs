//! The pipelines to the nodes of a cluster: requests for a slot go to the node that serves it.
//!
//! A node that does not serve the slot any more says so, and the request goes to the redis crate's client, which
//! follows what nodes say. So which node is asked first need not be right, and none is asked twice.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;

use super::server_pipelines::{LaneContext, ServerPipelines};
use crate::store::redis::health::endpoint::Endpoint;

/// A lane's pipelines, of the nodes that its callers have asked. They are few, so a search from the first to the
/// last is quick.
#[derive(Debug)]
pub(crate) struct PipelinesByNode {
    context: LaneContext,
    nodes: RwLock<Vec<NodePipelines>>,
}

#[derive(Debug)]
struct NodePipelines {
    node: Arc<Endpoint>,
    pipelines: ServerPipelines,
}

impl PipelinesByNode {
    pub(super) fn new(context: &LaneContext) -> Self {
        Self {
            context: context.clone(),
            nodes: RwLock::default(),
        }
    }

    /// Whether there is a connection to a node now. If there is none, an attempt starts on this runtime.
    pub(super) fn is_up(&self, node: &Arc<Endpoint>, runtime: &Handle) -> bool {
        if let Some(is_up) = self.with(node, |pipelines| pipelines.reads.is_up(runtime)) {
            return is_up;
        }
        let Some(context) = self.context.of_node(node) else {
            return false;
        };
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if !nodes.iter().any(|known| Arc::ptr_eq(&known.node, node)) {
            nodes.push(NodePipelines {
                node: node.clone(),
                pipelines: ServerPipelines::new(&context),
            });
        }
        drop(nodes);
        self.with(node, |pipelines| pipelines.reads.is_up(runtime)) == Some(true)
    }

    /// Ends the connections to nodes that serve no slot any more.
    pub(super) fn retain(&self, serving: &[Arc<Endpoint>]) {
        let serves =
            |known: &NodePipelines| serving.iter().any(|node| Arc::ptr_eq(node, &known.node));
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let (retained, others) = std::mem::take(&mut *nodes).into_iter().partition(serves);
        *nodes = retained;
        drop(nodes);
        // What waits there goes another way, not under the lock.
        drop::<Vec<_>>(others);
    }

    /// `None` where a node was never asked.
    pub(super) fn with<T>(
        &self,
        node: &Arc<Endpoint>,
        act: impl FnOnce(&ServerPipelines) -> T,
    ) -> Option<T> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let known = nodes.iter().find(|known| Arc::ptr_eq(&known.node, node));
        known.map(|known| act(&known.pipelines))
    }

    pub(super) fn each(&self, mut act: impl FnMut(&ServerPipelines)) {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().for_each(|known| act(&known.pipelines));
    }
}
