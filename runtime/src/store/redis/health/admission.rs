//! The endpoints of a store, each with a breaker for reading and one for writing: a server is one,
//! and so is each node of a cluster, because a dead node says nothing about the others.

use std::fmt::Display;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Outcome, Permit};
use super::probe;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::error::Fault;
use crate::rt::background;
use crate::store::Pair;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::connection::topology::SlotRange;
use crate::store::redis::connection::{refusal, topology};
use crate::store::redis::{Client, timed};

/// What an operation does on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

/// How fast an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    /// In more than half of the time that there was.
    Slow,
    /// It was quick, and the breaker knows.
    Counted,
}

/// What an operation that says its pace comes to.
pub(crate) type PacedResult<T> = Result<(T, Pace), Error>;

impl Pace {
    /// Of an answer that comes now.
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
    /// The server; of a cluster, all that is not known better yet.
    only: Arc<Endpoint>,
    slots: RwLock<Vec<EndpointSlots>>,
    is_asking: AtomicBool,
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
    fn node(&self, slot: u16) -> Option<Arc<Endpoint>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let at = slots.partition_point(|range| range.last < slot);
        let range = slots.get(at).filter(|range| range.first <= slot)?;
        Some(range.endpoint.clone())
    }

    /// Takes down which node serves which slots. A node that is known keeps its breakers.
    fn learn(&self, ranges: Vec<SlotRange>) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<Arc<Endpoint>> = Vec::new();
        known.extend(slots.iter().map(|range| range.endpoint.clone()));
        let learnt = ranges.into_iter().map(|range| {
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
        *slots = learnt.collect();
    }
}

impl Client {
    /// Asks the endpoint of a pair, unless its breaker is open, and tells the breaker how it went.
    pub(crate) async fn ask<T>(
        self: &Arc<Self>,
        side: Side,
        pair: &Arc<Pair>,
        deadline: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let wait = Timeout::new(deadline);
        let admission = self.admit(side, pair)?;
        let result = operation.await;
        let asked = AdmittedCall {
            admission,
            side,
            pair,
            deadline,
        };
        self.account(&asked, result.map(|value| (value, Pace::of(wait))))
    }

    /// Gives an operation so much time.
    pub(crate) async fn in_time<T>(
        &self,
        deadline: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Ok(result) = tokio::time::timeout(deadline, operation).await else {
            self.connection.timed_out();
            return Err(Error::unavailable("the store did not answer in time"));
        };
        result
    }

    /// Admission to ask the endpoint of a pair, unless its breaker is open.
    pub(crate) fn admit(self: &Arc<Self>, side: Side, pair: &Pair) -> Result<Admission, Error> {
        let node = if self.target.is_cluster() {
            let node = self.node(pair);
            if node.is_none() {
                self.learn_topology();
            }
            node
        } else {
            None
        };
        let endpoint = node.as_ref().unwrap_or(&self.endpoints.only);
        let permit = endpoint
            .breaker(side)
            .admit()
            .ok_or_else(|| Error::unavailable("the store is away").with_fault(Fault::Nothing))?;
        Ok(Admission { node, permit })
    }

    /// Tells the breaker how it went, for each admission once.
    pub(crate) fn account<T>(
        self: &Arc<Self>,
        asked: &AdmittedCall<'_>,
        result: PacedResult<T>,
    ) -> Result<T, Error> {
        match result {
            Ok((value, Pace::Counted)) => Ok(value),
            Ok((value, Pace::Quick)) => {
                self.endpoint(asked).breaker(asked.side).answered(1);
                Ok(value)
            }
            Ok((value, Pace::Slow)) => {
                self.report(asked, Outcome::Slow, &"it is slow");
                Ok(value)
            }
            Err(error) => {
                self.report_error(asked, &error);
                Err(error)
            }
        }
    }

    pub(crate) fn endpoint<'e>(&'e self, asked: &'e AdmittedCall<'_>) -> &'e Arc<Endpoint> {
        asked
            .admission
            .node
            .as_ref()
            .unwrap_or(&self.endpoints.only)
    }

    /// Answers to reads on the server, which were quick and which nobody else tells of.
    pub(crate) fn answered(&self, reads: u64) {
        self.endpoints.only.reads.answered(reads);
    }

    fn node(&self, pair: &Pair) -> Option<Arc<Endpoint>> {
        let slot = &self.shared(pair).slot;
        self.endpoints
            .node(*slot.get_or_init(|| topology::slot(&pair.stem)))
    }

    fn report_error(self: &Arc<Self>, asked: &AdmittedCall<'_>, error: &Error) {
        let fault = error.fault();
        match fault {
            Fault::Nothing => {}
            Fault::Answered => self.report(asked, Outcome::Answered, error),
            Fault::Failed => self.report(asked, Outcome::Failed, error),
            // Where a cluster's client does not know the node of a slot it asks any, so the one that
            // refuses, because it is dead or has just joined, may be another than the one asked for.
            Fault::Refused if self.target.is_cluster() => {
                self.report(asked, Outcome::Failed, error);
            }
            Fault::Refused => self.report(asked, Outcome::Refused, error),
            Fault::RefusesWrites | Fault::IsReplica => {
                let writes = self.endpoint(asked).breaker(Side::Write);
                if let Some(permit) = writes.admit() {
                    let asked = AdmittedCall {
                        admission: Admission {
                            node: asked.admission.node.clone(),
                            permit,
                        },
                        side: Side::Write,
                        ..*asked
                    };
                    self.report(&asked, Outcome::Failed, error);
                }
            }
            Fault::Garbled => {
                self.connection.reconnect_now();
                self.lanes.each(ConnectionManager::reconnect_now);
                self.report(asked, Outcome::Failed, error);
            }
        }
        if fault == Fault::IsReplica {
            // The primary is elsewhere now, and its replica is not to be read for long.
            self.connection.reconnect_in_background();
            self.lanes.reconnect();
        }
        if self.target.is_cluster() && matches!(fault, Fault::Failed | Fault::Refused) {
            self.learn_topology();
        }
    }

    fn report(self: &Arc<Self>, asked: &AdmittedCall<'_>, outcome: Outcome, why: &dyn Display) {
        let endpoint = self.endpoint(asked);
        let breaker = endpoint.breaker(asked.side);
        if let Some(pause) = breaker.report(asked.admission.permit, outcome, Instant::now()) {
            tracing::warn!(
                endpoint = %self.name_of(endpoint),
                side = ?asked.side,
                %why,
                "redis-func-cache: the store is away; it is not asked until it answers a probe"
            );
            probe::start(self, asked, pause);
        }
    }

    pub(crate) fn name_of(&self, endpoint: &Endpoint) -> String {
        match &endpoint.address {
            Some((host, port)) => refusal::host_and_port(host, *port),
            None => self.target.name(),
        }
    }

    /// Whether reads of the pair are turned away.
    pub(crate) fn is_unavailable(&self, pair: &Pair) -> bool {
        self.is_open(Side::Read, pair)
    }

    pub(crate) fn is_open(&self, side: Side, pair: &Pair) -> bool {
        if self.target.is_cluster()
            && let Some(node) = self.node(pair)
        {
            return node.breaker(side).is_open();
        }
        self.endpoints.only.breaker(side).is_open()
    }

    /// Asks a cluster behind which node serves which slots; one question at a time.
    pub(crate) fn learn_topology(self: &Arc<Self>) {
        if self.endpoints.is_asking.swap(true, Ordering::SeqCst) {
            return;
        }
        let client = Arc::downgrade(self);
        // Without a driver nothing was asked.
        let _ = background::spawn(async move {
            let Some(client) = client.upgrade() else {
                return;
            };
            if let Ok(slots) = timed(client.connection.slots()).await {
                client.endpoints.learn(topology::ranges(&slots));
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            client.endpoints.is_asking.store(false, Ordering::SeqCst);
        });
    }
}

/// Between two questions about the topology.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

/// Admission to ask an endpoint.
pub(crate) struct Admission {
    /// Of a cluster, where it is known.
    node: Option<Arc<Endpoint>>,
    permit: Permit,
}

/// What an endpoint is asked for.
pub(crate) struct AdmittedCall<'p> {
    pub(crate) admission: Admission,
    pub(crate) side: Side,
    pub(crate) pair: &'p Arc<Pair>,
    pub(crate) deadline: Duration,
}
