//! Calls and their breakers: a call is admitted, and its outcome is reported.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, RequestOutcome};
use super::endpoint::{Admission, AdmittedCall, Endpoint, Pace, PacedResult, Side};
use crate::deadline::Timeout;
use crate::error::{Error, Fault};
use crate::rt::background;
use crate::stats::metrics;
use crate::store::redis::client::{Client, timed};
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::connection::{refusal, topology};
use crate::store::{Availability, Pair, StoreHealth};

/// Between two questions about the topology.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

impl Client {
    /// Asks the endpoint of a pair, unless its breaker is open, and reports the outcome.
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
        let call = AdmittedCall {
            admission,
            side,
            pair,
            deadline,
        };
        self.account(&call, result.map(|value| (value, Pace::of(wait))))
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

    /// Admits a call to the endpoint of a pair, unless its breaker is open.
    pub(crate) fn admit(self: &Arc<Self>, side: Side, pair: &Pair) -> Result<Admission, Error> {
        let node = self.node_of(pair);
        if node.is_none() && self.target.is_cluster() {
            self.update_topology();
        }
        let endpoint = node.as_ref().unwrap_or(&self.endpoints.only);
        let permit = endpoint.breaker(side).admit().ok_or_else(|| {
            Error::unavailable("the store is unavailable").with_fault(Fault::Nothing)
        })?;
        Ok(Admission { node, permit })
    }

    /// Reports the outcome of a call to its breaker, once.
    pub(crate) fn account<T>(
        self: &Arc<Self>,
        call: &AdmittedCall<'_>,
        result: PacedResult<T>,
    ) -> Result<T, Error> {
        match result {
            Ok((value, Pace::Counted)) => Ok(value),
            Ok((value, Pace::Quick)) => {
                self.endpoint(call).breaker(call.side).answered(1);
                Ok(value)
            }
            Ok((value, Pace::Slow)) => {
                self.report(call, RequestOutcome::Slow, &"it is slow");
                Ok(value)
            }
            Err(error) => {
                self.report_error(call, &error);
                Err(error)
            }
        }
    }

    pub(crate) fn endpoint<'e>(&'e self, call: &'e AdmittedCall<'_>) -> &'e Arc<Endpoint> {
        call.admission.node.as_ref().unwrap_or(&self.endpoints.only)
    }

    /// The node of a cluster that serves a pair, as far as it is known.
    pub(crate) fn node_of(&self, pair: &Pair) -> Option<Arc<Endpoint>> {
        self.target.is_cluster().then(|| self.node(pair))?
    }

    /// A node does not serve a slot that it was asked for.
    pub(crate) fn on_moved(&self) {
        if self.target.is_cluster()
            && let Some(client) = self.this.upgrade()
        {
            client.update_topology();
        }
    }

    fn node(&self, pair: &Pair) -> Option<Arc<Endpoint>> {
        let slot = &self.pair_state(pair).slot;
        self.endpoints
            .node(*slot.get_or_init(|| topology::slot(&pair.stem)))
    }

    fn report_error(self: &Arc<Self>, call: &AdmittedCall<'_>, error: &Error) {
        let fault = error.fault();
        match fault {
            Fault::Nothing => {}
            Fault::Answered | Fault::Moved => self.report(call, RequestOutcome::Answered, error),
            Fault::Failed => self.report(call, RequestOutcome::Failed, error),
            // Where a cluster's client does not know the node of a slot it asks any. So the node that
            // refuses, because it is dead or has just joined, may be another than that of the slot.
            Fault::Refused if self.target.is_cluster() => {
                self.report(call, RequestOutcome::Failed, error);
            }
            Fault::Refused => self.report(call, RequestOutcome::Refused, error),
            Fault::RefusesWrites | Fault::IsReplica => {
                let writes = self.endpoint(call).breaker(Side::Write);
                if let Some(permit) = writes.admit() {
                    let call = AdmittedCall {
                        admission: Admission {
                            node: call.admission.node.clone(),
                            permit,
                        },
                        side: Side::Write,
                        ..*call
                    };
                    self.report(&call, RequestOutcome::Failed, error);
                }
            }
            Fault::Garbled => {
                self.connection.reconnect_now();
                self.lanes.each_managed(ConnectionManager::reconnect_now);
                self.report(call, RequestOutcome::Failed, error);
            }
        }
        if fault == Fault::IsReplica {
            // The primary is elsewhere now, and its replica is not to be read for long.
            self.connection.reconnect_in_background();
            self.lanes.reconnect();
        }
        if self.target.is_cluster() && matches!(fault, Fault::Failed | Fault::Refused) {
            self.update_topology();
        }
    }

    fn report(
        self: &Arc<Self>,
        call: &AdmittedCall<'_>,
        outcome: RequestOutcome,
        why: &dyn Display,
    ) {
        let endpoint = self.endpoint(call);
        let breaker = endpoint.breaker(call.side);
        if let Some(pause) = breaker.report(call.admission.permit, outcome, Instant::now()) {
            tracing::warn!(
                endpoint = %self.name_of(endpoint),
                side = ?call.side,
                %why,
                "redis-func-cache: store unavailable: circuit breaker opened, probing in the background"
            );
            self.show_breaker(endpoint, call.side);
            self.start_probe(call, pause);
        }
    }

    /// Sets the metric of a breaker.
    pub(crate) fn show_breaker(&self, endpoint: &Endpoint, side: Side) {
        let is_open = endpoint.breaker(side).is_open();
        metrics::set_breaker(&self.cache, &self.name_of(endpoint), side.name(), is_open);
    }

    pub(crate) fn name_of(&self, endpoint: &Endpoint) -> String {
        match &endpoint.address {
            Some((host, port)) => refusal::host_and_port(host, *port),
            None => self.target.name(),
        }
    }

    /// Whether reads of the pair are refused.
    pub(crate) fn is_unavailable(&self, pair: &Pair) -> bool {
        self.is_open(Side::Read, pair)
    }

    /// Whether the breaker of the pair's endpoint is open.
    pub(crate) fn is_open(&self, side: Side, pair: &Pair) -> bool {
        if self.target.is_cluster()
            && let Some(node) = self.node(pair)
        {
            return node.breaker(side).is_open();
        }
        self.endpoints.only.breaker(side).is_open()
    }

    /// Whether no breaker is open, by side: of a cluster, of none of its nodes. While look-ups fail calls store nothing, so
    /// that the breaker for writing may not know yet.
    pub(crate) fn health(&self) -> StoreHealth {
        if self.connection.is_closed() {
            return StoreHealth::unless_closed(true);
        }
        let mut endpoints = self.endpoints.nodes();
        endpoints.push(self.endpoints.only.clone());
        let is_open = |side| {
            let mut breakers = endpoints.iter().map(|endpoint| endpoint.breaker(side));
            breakers.any(Breaker::is_open)
        };
        let reads = is_open(Side::Read);
        StoreHealth {
            reads: Availability::unless(reads),
            writes: Availability::unless(reads || is_open(Side::Write)),
        }
    }

    /// Names the connections to a cluster's nodes, of which some may be new.
    pub(super) async fn name_nodes(&self) {
        if self.health().reads == Availability::Available {
            self.connection.name_nodes().await;
            self.bulk.name_nodes().await;
        }
    }

    /// Asks a cluster in the background which node serves which slots; one question at a time.
    pub(crate) fn update_topology(self: &Arc<Self>) {
        if self.endpoints.is_asking.swap(true, Ordering::SeqCst) {
            return;
        }
        let client = Arc::downgrade(self);
        // Without the background thread no store was asked.
        let _ = background::spawn(async move {
            let Some(client) = client.upgrade() else {
                return;
            };
            if let Ok(slots) = timed(client.connection.slots()).await {
                client.endpoints.update(topology::ranges(&slots));
                client.lanes.retain_nodes(&client.endpoints.nodes());
                client.name_nodes().await;
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            client.endpoints.is_asking.store(false, Ordering::SeqCst);
        });
    }
}
