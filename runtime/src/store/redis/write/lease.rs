//! Asking for leases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::leases::LEASE;
use crate::entry::header::Origin;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::rt::background;
use crate::settings::{Touch, ms};
use crate::store::method_state::new_epoch;
use crate::store::redis::client::eval::tag_arg;
use crate::store::redis::client::{Client, STEP, text, timed};
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script;
use crate::store::redis::script::reply::{array, epoch_of, tags_of, unexpected};
use crate::store::{
    AcceptEntry, EntryOf, LeaseOutcome, LeaseRequest, LookupReply, OnHeldLease, Pair, ServerTime,
    StoreView, Token,
};

/// With less time than this left, a lease is not asked for any more.
const LEAST: Duration = Duration::from_millis(25);

impl Client {
    /// Asks for a lease, unless its caller was dropped. If it is dropped meanwhile, the lease is
    /// released: the release that the drop has sent may have reached the server first.
    pub(crate) async fn acquire_lease_in_time(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        let LeaseRequest { field, token, .. } = request;
        if !self.leases.is_wanted(token) {
            return Err(Error::unavailable("the caller was dropped").with_fault(Fault::Nothing));
        }
        let since = Instant::now();
        let least = LEAST.min(deadline / 2);
        let _turn = self.leases.turn(deadline.saturating_sub(least)).await?;
        let left = deadline.saturating_sub(since.elapsed());
        let outcome = self.in_time(left, self.acquire_lease(pair, request.clone()));
        let outcome = self.ask(Side::Write, pair, request.deadline, outcome).await;
        if !self.leases.is_wanted(token) {
            let args = [field.0.to_vec(), token.0.to_vec(), text(0)];
            let _ = timed(self.script(&script::ABANDON, &pair.stem, &args)).await;
        }
        outcome
    }

    async fn acquire_lease(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, Error> {
        let LeaseRequest { field, token, .. } = request;
        let (on_held, tags) = (request.on_held, request.tags.clone());
        let args = self.lease_args(pair, &request);
        let reply = self.script(&script::BEGIN, &pair.stem, &args).await;
        let (now_us, outcome) = lease_outcome(reply?, token, &tags)?;
        match &outcome {
            LeaseOutcome::Hit(_) => self.record_found(pair, field, now_us).await,
            LeaseOutcome::Granted(_) => {
                pair.set_registered(true);
                // To renew one that yields would have others wait.
                if on_held != OnHeldLease::PreemptAndYield {
                    self.grant(token);
                }
            }
            LeaseOutcome::Held { .. } => {}
        }
        Ok(outcome)
    }

    /// An entry was found where there was none at the look-up.
    pub(super) async fn record_found(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        field: Field,
        now_us: u64,
    ) {
        if pair.touch == Touch::Exact {
            let get = &self.scripts(&pair.policy).get;
            let found = EntryOf {
                field,
                method: pair.method,
                tags: TagIds::NONE,
            };
            let args = self.get_args(pair, &found);
            let _ = self.script(get, &pair.stem, &args).await;
        } else {
            self.record_hits(pair, now_us, std::iter::once((field, 1)));
        }
    }

    /// The lease is this process's, and is to be renewed while its computation runs.
    pub(super) fn grant(self: &Arc<Self>, token: Token) {
        if self.leases.grant(token) {
            self.renew_in_background();
        }
    }

    /// Gives a lease back, in the background.
    pub(crate) fn abandon(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        pause_ms: u64,
    ) {
        let (client, pair) = (self.clone(), pair.clone());
        // Without the background thread there was no lease.
        let _ = background::spawn(async move {
            let args = [field.0.to_vec(), token.0.to_vec(), text(pause_ms)];
            // Calls that wait for a lease that could not be ended wait until their deadline.
            let abandon = timed(client.script(&script::ABANDON, &pair.stem, &args));
            let _ = client.ask(Side::Write, &pair, STEP, abandon).await;
        });
    }

    fn lease_args(&self, pair: &Pair, request: &LeaseRequest) -> Vec<Vec<u8>> {
        let on_held = match request.on_held {
            OnHeldLease::Preempt | OnHeldLease::PreemptAndYield => b"0",
            OnHeldLease::Wait => b"1",
            OnHeldLease::GiveUp => b"2",
        };
        let yields = request.on_held == OnHeldLease::PreemptAndYield;
        let accept = match request.accept {
            AcceptEntry::Any => Vec::new(),
            AcceptEntry::NotCreatedAt(instant) => instant.to_vec(),
            AcceptEntry::Never => b"*".to_vec(),
        };
        let mut args = vec![
            request.field.0.to_vec(),
            text(self.clock.forced_us()),
            request.token.0.to_vec(),
            text(if yields { 0 } else { ms(LEASE) }),
            on_held.to_vec(),
            accept,
            pair.method.to_le_bytes().to_vec(),
            new_epoch().0.to_vec(),
        ];
        args.extend(tag_arg(&request.tags));
        args
    }
}

/// A claim may have set this very lease before.
fn lease_outcome(reply: Value, token: Token, tags: &TagIds) -> Result<(u64, LeaseOutcome), Error> {
    let mut parts = array(reply)?.into_iter();
    let (Some(Value::Int(now_us)), Some(Value::BulkString(what))) = (parts.next(), parts.next())
    else {
        return Err(unexpected());
    };
    let now_us = u64::try_from(now_us).unwrap_or_default();
    let epoch = match parts.next() {
        Some(Value::BulkString(epoch)) => Some(epoch_of(&epoch)?),
        _ => None,
    };
    let granted = |began| {
        let at = ServerTime::of_reply(now_us);
        let epoch = epoch.ok_or_else(unexpected)?;
        let origin = Origin { epoch, began };
        Ok::<_, Error>(LeaseOutcome::Granted(StoreView { at, origin }))
    };
    let outcome = match (&what[..], parts.next(), parts.next()) {
        (b"wait", _, Some(Value::BulkString(holder))) if holder == token.0 => granted(0)?,
        (b"lead", stored, _) => {
            let tags = tags_of(stored, tags)?;
            granted(tags.map_or(0, |tags| tags.now))?
        }
        (b"hit", Some(Value::BulkString(entry)), stored) => {
            let found = LookupReply::new(now_us, epoch, Some(entry.into()));
            LeaseOutcome::Hit(found.with_tags(tags_of(stored, tags)?))
        }
        (b"wait", Some(Value::Int(left_ms)), Some(Value::BulkString(holder))) => {
            LeaseOutcome::Held {
                left: Duration::from_millis(u64::try_from(left_ms).unwrap_or_default()),
                holder: Token(holder.try_into().unwrap_or_default()),
            }
        }
        _ => return Err(unexpected()),
    };
    Ok((now_us, outcome))
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;
    use crate::key::digest::Field;
    use crate::rt::background;
    use crate::store::redis::client::STEP;
    use crate::store::redis::{Redis, Target, Tls};
    use crate::store::{Clock, Store as _};

    /// Its caller gives it to the background thread and is dropped before the thread has begun.
    #[test]
    fn a_lease_whose_caller_was_dropped_is_not_asked_for() {
        let pair = Pair::for_test("lease");
        let target = Target::one("redis://127.0.0.1:1", &Tls::default()).unwrap();
        let redis = Redis::new("shop", target, Clock::default());
        let request = LeaseRequest {
            field: Field([7; 20]),
            token: Token([7; 16]),
            on_held: OnHeldLease::Wait,
            accept: AcceptEntry::Any,
            deadline: STEP,
            seen: None,
            tags: TagIds::NONE,
            seen_tags: None,
        };
        let (resume, waits) = mpsc::channel::<()>();
        background::spawn(async move { assert!(waits.recv().is_err()) }).unwrap();
        {
            let mut outcome = pin!(redis.acquire_lease(&pair, request.clone(), STEP));
            let poll = outcome
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
        }
        redis.forget_lease(request.token);
        drop(resume);
        // After all that the background thread has been given so far.
        pollster::block_on(background::run(async {})).unwrap();
        let leases = &redis.client.leases;
        assert!(leases.is_empty(), "it would be renewed: {leases:?}");
    }
}
