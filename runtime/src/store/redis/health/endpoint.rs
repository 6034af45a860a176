//! The endpoints of a store, each with a breaker for reading and one for writing: a server is one,
//! and so is each node of a cluster, because a dead node says nothing about the others.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Permit};
use crate::deadline::Timeout;
use crate::error::Error;
use crate::store::Pair;
use crate::store::redis::connection::topology::SlotRange;

/// What an operation does on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Side {
    /// In metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// How fast a reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    /// In more than half of the time that there was.
    Slow,
    /// It was quick, and the breaker has counted it.
    Counted,
}

/// The result of an operation, with its pace.
pub(crate) type PacedResult<T> = Result<(T, Pace), Error>;

impl Pace {
    /// Of a reply that comes now.
    pub(crate) fn of(wait: Timeout) -> Self {
        if Instant::now() > wait.half() {
            Self::Slow
        } else {
            Self::Quick
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    /// Of a node of a cluster.
    pub(crate) address: Option<(String, u16)>,
    reads: Breaker,
    writes: Breaker,
}

/// The server, or the nodes of a cluster by the slots that they serve.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    /// The server; of a cluster, all nodes that are not known yet.
    pub(crate) only: Arc<Endpoint>,
    slots: RwLock<Vec<EndpointSlots>>,
    /// Whether a cluster is being asked for its topology.
    pub(super) is_asking: AtomicBool,
}

#[derive(Debug)]
struct EndpointSlots {
    first: u16,
    last: u16,
    endpoint: Arc<Endpoint>,
}

impl Endpoint {
    pub(crate) fn breaker(&self, side: Side) -> &Breaker {
        match side {
            Side::Read => &self.reads,
            Side::Write => &self.writes,
        }
    }
}

impl Endpoints {
    /// The node of a cluster that has a slot, as far as it is known.
    pub(super) fn node(&self, slot: u16) -> Option<Arc<Endpoint>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let at = slots.partition_point(|range| range.last < slot);
        let range = slots.get(at).filter(|range| range.first <= slot)?;
        Some(range.endpoint.clone())
    }

    /// The nodes of a cluster that serve slots, as far as they are known.
    pub(super) fn nodes(&self) -> Vec<Arc<Endpoint>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().map(|range| range.endpoint.clone()).collect()
    }

    /// Updates which node serves which slots. A node that is known keeps its breakers.
    pub(super) fn update(&self, ranges: Vec<SlotRange>) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<Arc<Endpoint>> = Vec::new();
        known.extend(slots.iter().map(|range| range.endpoint.clone()));
        let updated = ranges.into_iter().map(|range| {
            let address = Some((range.host, range.port));
            let same = known.iter().find(|endpoint| endpoint.address == address);
            let endpoint = same.cloned().unwrap_or_else(|| {
                let endpoint = Arc::new(Endpoint {
                    address,
                    ..Endpoint::default()
                });
                known.push(endpoint.clone());
                endpoint
            });
            EndpointSlots {
                first: range.first,
                last: range.last,
                endpoint,
            }
        });
        *slots = updated.collect();
    }
}

/// A breaker's permit, with the endpoint that it is for.
pub(crate) struct Admission {
    /// Of a cluster, where it is known.
    pub(super) node: Option<Arc<Endpoint>>,
    pub(super) permit: Permit,
}

impl Admission {
    /// Of a cluster, where it is known.
    pub(crate) fn node(&self) -> Option<&Arc<Endpoint>> {
        self.node.as_ref()
    }
}

/// A call that was admitted, and what it asks for.
pub(crate) struct AdmittedCall<'p> {
    pub(crate) admission: Admission,
    pub(crate) side: Side,
    pub(crate) pair: &'p Arc<Pair>,
    pub(crate) deadline: Duration,
}
