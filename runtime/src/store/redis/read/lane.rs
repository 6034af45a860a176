//! One lane: the connections on one runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::Waker;

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

use super::pipeline::batch::Ticket;
use super::pipeline::query::Query;
use super::queue::ReadQueue;
use super::server_pipelines::ServerPipelines;
use super::transport::Transport;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::health::endpoint::Endpoint;
use crate::store::{EntryOf, Pair};

/// A connection that lives on a runtime of the callers, or on the background thread.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) runtime: Handle,
    pub(crate) transport: Transport,
    /// By the address of the [`PairLanes`] that they belong to, which live as long as the store.
    pub(super) queues: Mutex<HashMap<usize, Arc<ReadQueue>>>,
    /// Dropped with the lane, which ends the task that watches for the end of the runtime.
    pub(super) _in_use: oneshot::Sender<()>,
}

/// The lane of a pair, found without a lock: that of the first runtime that read the pair, which is the
/// only one in most processes. Weak, because the methods, which are static, keep what is here.
#[derive(Debug, Default)]
pub(crate) struct PairLanes {
    pub(super) first: OnceLock<(Id, Weak<Lane>, Arc<ReadQueue>)>,
}

impl PairLanes {
    pub(super) fn first(&self, id: Id) -> Option<(Arc<Lane>, Arc<ReadQueue>)> {
        let (_, lane, queue) = self.first.get().filter(|(first, ..)| *first == id)?;
        Some((lane.upgrade()?, queue.clone()))
    }
}

impl Lane {
    /// Adds a read to its pipeline, if that is up.
    pub(super) fn enqueue(
        &self,
        query: &Query<'_>,
        node: Option<&Arc<Endpoint>>,
        waker: &Waker,
    ) -> Option<Result<Ticket, Error>> {
        let runtime = &self.runtime;
        let enqueue = |pipelines: &ServerPipelines| pipelines.reads.enqueue(query, waker, runtime);
        self.transport.with(node, enqueue)?
    }

    /// The same for many fields of a pair, in one step. `None` as well where they cannot be queued together.
    pub(super) fn enqueue_all(
        &self,
        (pair, wanted): (&Arc<Pair>, &[EntryOf]),
        node: Option<&Arc<Endpoint>>,
        wait: Timeout,
        waker: &Waker,
    ) -> Option<Vec<Ticket>> {
        self.transport.with(node, |pipelines| {
            pipelines.reads.enqueue_all(pair, wanted, wait, waker)
        })?
    }

    /// Whether its runtime is none for pipelines.
    pub(super) fn rests(&self, node: Option<&Arc<Endpoint>>) -> bool {
        let rests = |pipelines: &ServerPipelines| pipelines.reads.rests();
        self.transport.with(node, rests) == Some(true)
    }

    pub(crate) fn connection(&self) -> Option<&ConnectionManager> {
        match &self.transport {
            Transport::Manager(connection) => Some(connection),
            Transport::Server(_) | Transport::Cluster(_) => None,
        }
    }

    pub(super) fn queue(&self, pair: &PairLanes) -> Arc<ReadQueue> {
        let address = std::ptr::from_ref(pair).addr();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(address).or_default().clone()
    }

    pub(super) fn all_queues(&self) -> Vec<Arc<ReadQueue>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.values().cloned().collect()
    }
}
