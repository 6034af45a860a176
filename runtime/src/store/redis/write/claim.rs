//! Claiming the lease of a field together with the other callers that miss on its pair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::leases::LEASE;
use super::pipeline::claims::{ClaimReply, QueuedClaim};
use crate::deadline::Timeout;
use crate::entry::header;
use crate::error::{Error, Fault};
use crate::rt::timeout;
use crate::settings::ms;
use crate::store::redis::client::Client;
use crate::store::redis::health::endpoint::{Admission, AdmittedCall, Pace, Side};
use crate::store::{
    AcceptEntry, LeaseOutcome, LeaseRequest, LookupReply, OnHeldLease, Pair, RawEntry, ServerTime,
};

impl Client {
    /// Claims a lease that no computation holds. `None` where one does, or there is no write pipeline at hand: then
    /// the script `begin` decides.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: &LeaseRequest,
        deadline: Duration,
    ) -> Result<Option<LeaseOutcome>, Error> {
        let Some(seen) = request.seen else {
            return Ok(None);
        };
        // Leases live by the server's own clock, also in tests that set the clock of entries.
        if request.on_held != OnHeldLease::Wait || self.clock.forced_us() > 0 {
            return Ok(None);
        }
        let wait = Timeout::new(deadline);
        let admission = self.admit(Side::Write, pair)?;
        let Some(receiver) = self.queue_claim(pair, request, seen)? else {
            return Ok(None);
        };
        let reply = match timeout::within(deadline, receiver).await {
            Some(Ok(Ok(reply))) => reply,
            // The connection was lost, perhaps after the lease was set: `begin` finds that.
            Some(Err(_)) => return Ok(None),
            Some(Ok(Err(error))) if error.fault() == Fault::Nothing => return Ok(None),
            Some(Ok(Err(error))) => return Err(error),
            None => {
                let late = Error::unavailable("the store did not answer in time");
                return self.account(&call(admission, pair, deadline), Err(late));
            }
        };
        if Instant::now() > wait.half() {
            self.account(&call(admission, pair, deadline), Ok(((), Pace::Slow)))?;
        }
        let ClaimReply::Set(entry) = reply else {
            return Ok(None);
        };
        let now_us = seen.now_us();
        if let Some(entry) = entry.filter(|entry| is_accepted(request.accept, entry, now_us)) {
            self.abandon(pair, request.field, request.token, 0);
            self.record_found(pair, request.field, now_us).await;
            return Ok(Some(LeaseOutcome::Hit(LookupReply {
                now_us,
                entry: Some(entry),
                pair_ms: None,
            })));
        }
        self.grant(request.token);
        Ok(Some(LeaseOutcome::Granted { at: seen }))
    }

    fn queue_claim(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: &LeaseRequest,
        seen: ServerTime,
    ) -> Result<Option<oneshot::Receiver<Result<ClaimReply, Error>>>, Error> {
        let (reply, receiver) = oneshot::channel();
        let claim = QueuedClaim {
            pair: pair.clone(),
            field: request.field,
            token: request.token,
            deadline_ms: seen.now_us() / 1000 + ms(LEASE),
            tag: request.tag,
            reply,
        };
        let queued = self.lanes.write(&self.pair_state(pair).lanes, |traffic| {
            let queued = traffic.claim(claim);
            let wakes = matches!(queued, Ok(true));
            (queued, wakes)
        });
        match queued {
            Some(Ok(_)) => Ok(Some(receiver)),
            Some(Err(error)) if error.fault() != Fault::Nothing => Err(error),
            _ => Ok(None),
        }
    }
}

fn call(admission: Admission, pair: &Arc<Pair>, deadline: Duration) -> AdmittedCall<'_> {
    AdmittedCall {
        admission,
        side: Side::Write,
        pair,
        deadline,
    }
}

/// Whether an entry that is there by now will do.
fn is_accepted(accept: AcceptEntry, entry: &RawEntry, now_us: u64) -> bool {
    let is_wanted = match accept {
        AcceptEntry::Any => true,
        AcceptEntry::NotCreatedAt(instant) => entry.get(8..16) != Some(&instant[..]),
        AcceptEntry::Never => false,
    };
    is_wanted && header::is_alive(entry, now_us / 1000)
}
