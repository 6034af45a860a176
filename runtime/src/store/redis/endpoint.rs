//! The endpoints of a store, each with a breaker for reading and one for writing: a server is one,
//! and so is each node of a cluster, because a dead node says nothing about the others.

use std::fmt::Display;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Outcome, Permit};
use super::fault::Verdict;
use super::link::Link;
use super::topology::{self, Range};
use super::{Inner, driver, probe, timed};
use crate::error::Error;
use crate::method::Pair;

/// What an operation does on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

#[derive(Debug, Default)]
pub(super) struct Endpoint {
    /// Of a node of a cluster.
    pub(super) address: Option<(String, u16)>,
    reads: Breaker,
    writes: Breaker,
}

/// The server, or the nodes of a cluster by the slots that they serve.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    /// The server; of a cluster, all that is not known better yet.
    only: Arc<Endpoint>,
    slots: RwLock<Vec<Slots>>,
    is_asking: AtomicBool,
}

#[derive(Debug)]
struct Slots {
    first: u16,
    last: u16,
    endpoint: Arc<Endpoint>,
}

impl Endpoint {
    pub(super) fn breaker(&self, side: Side) -> &Breaker {
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
    fn learn(&self, ranges: Vec<Range>) {
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
            Slots {
                first: range.first,
                last: range.last,
                endpoint,
            }
        });
        *slots = learnt.collect();
    }
}

impl Inner {
    /// Asks the endpoint of a pair, unless its breaker is open, and tells the breaker how it went.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        side: Side,
        pair: &Arc<Pair>,
        deadline: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !self.target.is_cluster() {
            let only = &self.endpoints.only;
            return self
                .ask_endpoint(only, side, pair, deadline, operation)
                .await;
        }
        let node = self.node(pair);
        if node.is_none() {
            self.learn_topology();
        }
        let endpoint = node.unwrap_or_else(|| self.endpoints.only.clone());
        self.ask_endpoint(&endpoint, side, pair, deadline, operation)
            .await
    }

    fn node(&self, pair: &Pair) -> Option<Arc<Endpoint>> {
        let slot = &self.shared(pair).slot;
        self.endpoints
            .node(*slot.get_or_init(|| topology::slot(&pair.stem)))
    }

    async fn ask_endpoint<T>(
        self: &Arc<Self>,
        endpoint: &Arc<Endpoint>,
        side: Side,
        pair: &Arc<Pair>,
        deadline: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(permit) = endpoint.breaker(side).admit() else {
            return Err(Error::unavailable("the store is away").with_verdict(Verdict::Nothing));
        };
        let asked = Asked {
            endpoint,
            side,
            pair,
            deadline,
        };
        let started = Instant::now();
        let result = operation.await;
        let now = Instant::now();
        let is_slow = now.saturating_duration_since(started) > deadline / 2;
        match &result {
            Ok(_) if is_slow => self.tell(&asked, permit, Outcome::Slow, &"it is slow"),
            Ok(_) => {
                // Nothing to be opened by an answer.
                let _ = endpoint.breaker(side).tell(permit, Outcome::Answered, now);
            }
            Err(error) => self.tell_error(&asked, permit, error),
        }
        result
    }

    fn tell_error(self: &Arc<Self>, asked: &Asked<'_>, permit: Permit, error: &Error) {
        let verdict = error.verdict();
        match verdict {
            Verdict::Nothing => {}
            Verdict::Answered => self.tell(asked, permit, Outcome::Answered, error),
            Verdict::Failed => self.tell(asked, permit, Outcome::Failed, error),
            Verdict::Refused => self.tell(asked, permit, Outcome::Refused, error),
            Verdict::RefusesWrites | Verdict::IsReplica => {
                let writes = asked.endpoint.breaker(Side::Write);
                let asked = Asked {
                    side: Side::Write,
                    ..*asked
                };
                if let Some(permit) = writes.admit() {
                    self.tell(&asked, permit, Outcome::Failed, error);
                }
            }
            Verdict::Garbled => {
                self.link.give_up();
                self.lanes.each(Link::give_up);
                self.tell(asked, permit, Outcome::Failed, error);
            }
        }
        if verdict == Verdict::IsReplica {
            // The primary is elsewhere now, and its replica is not to be read for long.
            self.link.replace();
            self.lanes.each(Link::replace);
        }
        if self.target.is_cluster() && matches!(verdict, Verdict::Failed | Verdict::Refused) {
            self.learn_topology();
        }
    }

    fn tell(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        permit: Permit,
        outcome: Outcome,
        why: &dyn Display,
    ) {
        let breaker = asked.endpoint.breaker(asked.side);
        if let Some(pause) = breaker.tell(permit, outcome, Instant::now()) {
            tracing::warn!(
                endpoint = ?asked.endpoint.address,
                side = ?asked.side,
                %why,
                "redis-func-cache: the store is away; it is not asked until it answers a probe"
            );
            probe::start(self, asked, pause);
        }
    }

    /// Whether reads of the pair are turned away.
    pub(super) fn is_away(&self, pair: &Pair) -> bool {
        self.is_open(Side::Read, pair)
    }

    pub(super) fn is_open(&self, side: Side, pair: &Pair) -> bool {
        if self.target.is_cluster()
            && let Some(node) = self.node(pair)
        {
            return node.breaker(side).is_open();
        }
        self.endpoints.only.breaker(side).is_open()
    }

    /// Asks a cluster behind which node serves which slots; one question at a time.
    pub(super) fn learn_topology(self: &Arc<Self>) {
        if self.endpoints.is_asking.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = Arc::downgrade(self);
        // Without a driver nothing was asked.
        let _ = driver::spawn(async move {
            let Some(inner) = inner.upgrade() else { return };
            if let Ok(slots) = timed(inner.link.slots()).await {
                inner.endpoints.learn(topology::ranges(&slots));
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            inner.endpoints.is_asking.store(false, Ordering::SeqCst);
        });
    }
}

/// Between two questions about the topology.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

/// An operation, as those need it who look after the breaker.
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a Arc<Endpoint>,
    pub(super) side: Side,
    pub(super) pair: &'a Arc<Pair>,
    pub(super) deadline: Duration,
}
