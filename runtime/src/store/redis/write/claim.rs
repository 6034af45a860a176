//! Claiming the lease of a field together with the other callers that miss on its pair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::leases::LEASE;
use super::pipeline::claims::{ClaimReply, QueuedClaim};
use crate::deadline::Timeout;
use crate::entry::header;
use crate::error::{Error, Fault};
use crate::rt::timeout;
use crate::settings::ms;
use crate::store::redis::client::Client;
use crate::store::redis::health::endpoint::{AdmittedCall, Pace, PacedResult, Side};
use crate::store::{
    AcceptEntry, LeaseOutcome, LeaseRequest, LookupReply, OnHeldLease, Pair, RawEntry, ServerTime,
};

/// What is known of a lease after a claim.
pub(crate) enum ClaimOutcome {
    Decided(LeaseOutcome),
    /// The script `begin` decides, and does this where a computation holds the lease.
    Undecided(OnHeldLease),
}

impl Client {
    /// Claims leases that no computation holds, all of them together, if there is a write pipeline at hand.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        requests: &[LeaseRequest],
        deadline: Duration,
    ) -> Vec<Result<ClaimOutcome, Error>> {
        let wait = Timeout::new(deadline);
        let queued = match self.queue_claims(pair, requests, wait) {
            Ok(queued) => queued,
            Err(error) => return requests.iter().map(|_| Err(error.again())).collect(),
        };
        let each = requests
            .iter()
            .zip(queued)
            .map(|(request, queued)| async move {
                match queued {
                    Some((seen, reply)) => self.claimed(pair, request, seen, wait, reply).await,
                    None => Ok(ClaimOutcome::Undecided(request.on_held)),
                }
            });
        join_all(each).await
    }

    /// [`claim`](Self::claim) for one.
    pub(crate) async fn claim_one(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: &LeaseRequest,
        deadline: Duration,
    ) -> Result<ClaimOutcome, Error> {
        let wait = Timeout::new(deadline);
        let queued = self.queue_claims(pair, std::slice::from_ref(request), wait)?;
        match queued.into_iter().flatten().next() {
            Some((seen, reply)) => self.claimed(pair, request, seen, wait, reply).await,
            None => Ok(ClaimOutcome::Undecided(request.on_held)),
        }
    }

    /// What a claim came to that has been queued.
    async fn claimed(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: &LeaseRequest,
        seen: ServerTime,
        wait: Timeout,
        reply: ClaimReceiver,
    ) -> Result<ClaimOutcome, Error> {
        let reply = match timeout::within(wait.at_most, reply).await {
            Some(Ok(Ok(reply))) => reply,
            // The connection was lost, perhaps after the lease was set: `begin` finds that.
            Some(Err(_)) => return Ok(ClaimOutcome::Undecided(OnHeldLease::Wait)),
            Some(Ok(Err(error))) if error.fault() == Fault::Nothing => {
                return Ok(ClaimOutcome::Undecided(request.on_held));
            }
            Some(Ok(Err(error))) => return Err(error),
            None => {
                let late = Error::unavailable("the store did not answer in time");
                return self.account_claim(pair, wait, Err(late));
            }
        };
        if Instant::now() > wait.half() {
            self.account_claim(pair, wait, Ok(((), Pace::Slow)))?;
        }
        let entry = match reply {
            ClaimReply::Set(entry) => entry,
            ClaimReply::Held => return Ok(ClaimOutcome::Undecided(OnHeldLease::Wait)),
            ClaimReply::Outdated => return Ok(ClaimOutcome::Undecided(OnHeldLease::Preempt)),
        };
        let now_us = seen.now_us();
        if let Some(entry) = entry.filter(|entry| is_accepted(request.accept, entry, now_us)) {
            self.abandon(pair, request.field, request.token, 0);
            self.record_found(pair, request.field, now_us).await;
            return Ok(ClaimOutcome::Decided(LeaseOutcome::Hit(LookupReply {
                now_us,
                entry: Some(entry),
                pair_ms: None,
            })));
        }
        self.grant(request.token);
        Ok(ClaimOutcome::Decided(LeaseOutcome::Granted { at: seen }))
    }

    /// Queues the claims that can be made without the script, in one step.
    fn queue_claims(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        requests: &[LeaseRequest],
        wait: Timeout,
    ) -> Result<Vec<Option<(ServerTime, ClaimReceiver)>>, Error> {
        self.admit(Side::Write, pair)?;
        // Leases live by the server's own clock, also in tests that set the clock of entries.
        let is_forced = self.clock.forced_us() > 0;
        let (mut claims, mut queued) = (Vec::with_capacity(requests.len()), Vec::new());
        for request in requests {
            let seen = request.seen;
            let Some(seen) = seen.filter(|_| request.on_held == OnHeldLease::Wait && !is_forced)
            else {
                queued.push(None);
                continue;
            };
            let (reply, receiver) = oneshot::channel();
            claims.push(QueuedClaim {
                pair: pair.clone(),
                field: request.field,
                token: request.token,
                deadline_ms: seen.now_us() / 1000 + ms(LEASE),
                tag: request.tag,
                until: wait.until(),
                reply,
            });
            queued.push(Some((seen, receiver)));
        }
        if claims.is_empty() {
            return Ok(queued);
        }
        let lanes = &self.pair_state(pair).lanes;
        let node = self.node_of(pair);
        let pushed = self.lanes.write(lanes, node.as_ref(), |traffic| {
            let pushed = traffic.claim(claims);
            let wakes = matches!(pushed, Ok(true));
            (pushed, wakes)
        });
        match pushed {
            Some(Ok(_)) => Ok(queued),
            Some(Err(error)) if error.fault() != Fault::Nothing => Err(error),
            _ => Ok(requests.iter().map(|_| None).collect()),
        }
    }

    fn account_claim<T>(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        wait: Timeout,
        result: PacedResult<T>,
    ) -> Result<T, Error> {
        let call = AdmittedCall {
            admission: self.admit(Side::Write, pair)?,
            side: Side::Write,
            pair,
            deadline: wait.at_most,
        };
        self.account(&call, result)
    }
}

type ClaimReceiver = oneshot::Receiver<Result<ClaimReply, Error>>;

/// Whether an entry that is there by now will do.
fn is_accepted(accept: AcceptEntry, entry: &RawEntry, now_us: u64) -> bool {
    let is_wanted = match accept {
        AcceptEntry::Any => true,
        AcceptEntry::NotCreatedAt(instant) => entry.get(8..16) != Some(&instant[..]),
        AcceptEntry::Never => false,
    };
    is_wanted && header::is_alive(entry, now_us / 1000)
}
