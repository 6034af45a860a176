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
use crate::store::redis::health::endpoint::{AdmittedCall, Pace, Side};
use crate::store::{LeaseOutcome, LeaseRequest, LookupReply, OnHeldLease, Pair, StoreView, Token};

/// What is known of a lease after a claim.
pub(crate) enum ClaimOutcome {
    Decided(LeaseOutcome),
    /// The script `begin` decides, and does this where a computation holds the lease.
    Undecided(OnHeldLease),
    /// The same, but the lease is set: it is given back if there is an entry.
    UndecidedWithLease(OnHeldLease),
}

impl Client {
    /// Claims leases that no computation holds, all of them together, if there is a write pipeline at hand.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        requests: &[LeaseRequest],
        deadline: Duration,
    ) -> Vec<Result<ClaimOutcome, Error>> {
        let queued = self.admit_claims(pair, deadline).and_then(|claims| {
            let queued = self.queue_claims(&claims, requests)?;
            Ok((claims, queued))
        });
        let (claims, queued) = match queued {
            Ok(queued) => queued,
            Err(error) => return requests.iter().map(|_| Err(error.again())).collect(),
        };
        let claims = &claims;
        let each = requests.iter().zip(queued);
        join_all(each.map(|(request, queued)| self.claimed(claims, request, queued))).await
    }

    /// [`claim`](Self::claim) for one.
    pub(crate) async fn claim_one(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: &LeaseRequest,
        deadline: Duration,
    ) -> Result<ClaimOutcome, Error> {
        let claims = self.admit_claims(pair, deadline)?;
        let queued = self.queue_claims(&claims, std::slice::from_ref(request))?;
        let queued = queued.into_iter().flatten().next();
        self.claimed(&claims, request, queued).await
    }

    /// What a claim came to, if it has been queued.
    async fn claimed(
        self: &Arc<Self>,
        claims: &AdmittedClaims<'_>,
        request: &LeaseRequest,
        queued: Option<(StoreView, ClaimReceiver)>,
    ) -> Result<ClaimOutcome, Error> {
        let AdmittedClaims { call, wait } = claims;
        let Some((seen, reply)) = queued else {
            return Ok(ClaimOutcome::Undecided(request.on_held));
        };
        let reply = match timeout::within(wait.at_most, reply).await {
            Some(Ok(Ok(reply))) => reply,
            // There was no claim, or the connection was lost, perhaps after the lease was set: `begin` finds that.
            Some(Err(_)) => return Ok(ClaimOutcome::Undecided(OnHeldLease::Wait)),
            Some(Ok(Err(error))) if error.fault() == Fault::Nothing => {
                return Ok(ClaimOutcome::Undecided(request.on_held));
            }
            Some(Ok(Err(error))) => return Err(error),
            None => {
                let late = Error::unavailable("the store did not answer in time");
                return self.account(call, Err(late));
            }
        };
        if Instant::now() > wait.half() {
            self.account(call, Ok(((), Pace::Slow)))?;
        }
        let entry = match reply {
            ClaimReply::Set(entry) => entry,
            ClaimReply::Held => return Ok(ClaimOutcome::Undecided(OnHeldLease::Wait)),
            ClaimReply::Outdated => {
                call.pair.set_registered(false);
                return Ok(ClaimOutcome::UndecidedWithLease(OnHeldLease::Preempt));
            }
        };
        let now_us = seen.at.now_us();
        let epoch = Some(seen.origin.epoch);
        // What the look-up has found of tags still holds.
        let found = LookupReply {
            tags: request.seen_tags.clone(),
            ..LookupReply::new(now_us, epoch, entry)
        };
        let entry = found.entry.as_deref();
        if let Some(entry) = entry.filter(|entry| request.accept.accepts(entry)) {
            let is_current = header::is_of_epoch(entry, epoch);
            let is_alive = |now_us: u64| is_current && header::is_alive(entry, now_us / 1000);
            match (is_alive(now_us), is_alive(seen.at.latest_us())) {
                (true, true) => {}
                (false, false) => return Ok(self.granted(request.token, seen)),
                // It has just expired, or was stored after the lookup that took so long: the server's clock decides.
                _ => return Ok(ClaimOutcome::UndecidedWithLease(OnHeldLease::Wait)),
            }
            self.abandon(call.pair, request.field, request.token, 0);
            self.record_found(call.pair, request.field, now_us).await;
            return Ok(ClaimOutcome::Decided(LeaseOutcome::Hit(found)));
        }
        Ok(self.granted(request.token, seen))
    }

    fn granted(self: &Arc<Self>, token: Token, view: StoreView) -> ClaimOutcome {
        self.grant(token);
        ClaimOutcome::Decided(LeaseOutcome::Granted(view))
    }

    /// Queues the claims that can be made without the script, in one step.
    fn queue_claims(
        self: &Arc<Self>,
        claims: &AdmittedClaims<'_>,
        requests: &[LeaseRequest],
    ) -> Result<Vec<Option<(StoreView, ClaimReceiver)>>, Error> {
        let AdmittedClaims { call, wait } = claims;
        let pair = call.pair;
        // Leases live by the server's own clock, also in tests that set the clock of entries.
        let is_forced = self.clock.forced_us() > 0;
        let (mut claims, mut queued) = (Vec::with_capacity(requests.len()), Vec::new());
        for request in requests {
            let seen = request.seen;
            let may_claim =
                request.on_held == OnHeldLease::Wait && !is_forced && pair.is_registered();
            let Some(seen) = seen.filter(|_| may_claim) else {
                queued.push(None);
                continue;
            };
            let (reply, receiver) = oneshot::channel();
            claims.push(QueuedClaim {
                pair: pair.clone(),
                field: request.field,
                token: request.token,
                deadline_ms: seen.at.now_us() / 1000 + ms(LEASE),
                origin: seen.origin,
                has_tags: request.tags.are_declared(),
                until: wait.until(),
                reply,
            });
            queued.push(Some((seen, receiver)));
        }
        if claims.is_empty() {
            return Ok(queued);
        }
        let lanes = &self.pair_state(pair).lanes;
        let pushed = self.lanes.write(lanes, call.admission.node(), |traffic| {
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

    fn admit_claims<'p>(
        self: &Arc<Self>,
        pair: &'p Arc<Pair>,
        deadline: Duration,
    ) -> Result<AdmittedClaims<'p>, Error> {
        let call = AdmittedCall {
            admission: self.admit(Side::Write, pair)?,
            side: Side::Write,
            pair,
            deadline,
        };
        let wait = Timeout::new(deadline);
        Ok(AdmittedClaims { call, wait })
    }
}

/// Claims that the breaker has let through, and how long they may take.
struct AdmittedClaims<'p> {
    call: AdmittedCall<'p>,
    wait: Timeout,
}

type ClaimReceiver = oneshot::Receiver<Result<ClaimReply, Error>>;
