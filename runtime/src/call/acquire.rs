//! Acquiring a lease, and waiting for the process that holds it.

use std::time::{Duration, Instant};

use super::attempt::{Attempt, KeyedCall};
use super::lease::Lease;
use crate::engine::scope::Mode;
use crate::engine::single_flight::{JoinMark, Leader, RemoteWait};
use crate::error::Error;
use crate::rt::timeout;
use crate::settings::Stampede;
use crate::store::{
    AcceptEntry, LeaseOutcome, LeaseRequest, Listener, LookupReply, OnHeldLease, Token,
};

/// Between two requests while another process computes; a message from the store shortens it.
const FIRST_POLL: Duration = Duration::from_millis(20);
const LONGEST_POLL: Duration = Duration::from_millis(500);

/// What asking for a lease came to.
pub(crate) enum LeaseOrEntry {
    Lease(Lease),
    /// There is an entry by now.
    Entry(FoundEntry),
    /// Another process refreshes the field, or has failed to a short while ago.
    HeldElsewhere,
}

impl Attempt<'_> {
    /// Begins a computation, as soon as no other process holds the lease.
    pub(crate) async fn acquire_lease(
        &mut self,
        on_held: OnHeldLease,
        accept: AcceptEntry,
    ) -> Result<LeaseOrEntry, Error> {
        // Made before the store is asked: if the caller goes away meanwhile, its drop gives the lease back.
        let call = &self.call;
        let mut lease = Lease::new(call.engine, &call.method.pair, call.key.field);
        let mut request = self.lease_request(lease.token(), on_held, accept);
        let mut wait = LeaseWait::new(self.call.lease_wait_timeout());
        loop {
            let notified = wait.listener.as_ref().map(Listener::heard);
            let joined = self.joined();
            let (left, holder) = match self.request_lease(&mut lease, request.clone()).await? {
                LeaseOutcome::Granted(view) => {
                    lease.granted(view);
                    return Ok(LeaseOrEntry::Lease(lease));
                }
                LeaseOutcome::Hit(reply) => {
                    lease.close();
                    return Ok(LeaseOrEntry::Entry(FoundEntry {
                        reply,
                        has_waited: wait.listener.is_some(),
                        joined,
                    }));
                }
                LeaseOutcome::Held { .. } if on_held == OnHeldLease::GiveUp => {
                    lease.close();
                    return Ok(LeaseOrEntry::HeldElsewhere);
                }
                LeaseOutcome::Held { left, holder } => (left, holder),
            };
            // Calls of this process that want the same have waited for each other already.
            if holder.is_of(self.call.engine.id()) || wait.is_over() {
                // Several leaders of one flight share a lease: if they preempted each other, they
                // would all compute in vain.
                if let Some(shared) = Lease::of(holder, self.seen) {
                    lease.close();
                    return Ok(LeaseOrEntry::Lease(shared));
                }
                request.on_held = OnHeldLease::Preempt;
                continue;
            }
            match notified {
                None => wait.begin(&self.call, self.leader.as_ref()),
                Some(notified) => {
                    timeout::within(wait.next_poll(left), notified).await;
                }
            }
        }
    }

    fn lease_request(
        &self,
        token: Token,
        on_held: OnHeldLease,
        accept: AcceptEntry,
    ) -> LeaseRequest {
        LeaseRequest {
            field: self.call.key.field,
            token,
            on_held,
            accept,
            deadline: self.deadline.whole(),
            seen: self.seen,
            tags: self.call.tags.clone(),
            seen_tags: self.seen_tags.clone(),
        }
    }

    async fn request_lease(
        &mut self,
        lease: &mut Lease,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, Error> {
        let call = &self.call;
        let outcome = self
            .deadline
            .spend(|left| call.store().acquire_lease(&call.method.pair, request, left))
            .await;
        if let Err(error) = &outcome
            && !error.may_have_executed()
        {
            // It was refused, or never asked: there is nothing to give back.
            lease.close();
        }
        outcome
    }
}

impl KeyedCall<'_> {
    /// What a call that has missed does while another process computes.
    pub(super) fn on_held(&self, mode: Mode) -> OnHeldLease {
        if mode.read && self.method.freshness.stampede != Stampede::Off {
            OnHeldLease::Wait
        } else {
            OnHeldLease::Preempt
        }
    }

    /// How long to wait for another process that holds the lease.
    pub(super) fn lease_wait_timeout(&self) -> Duration {
        match self.method.freshness.stampede {
            Stampede::Lease => self.method.lease_wait_timeout(),
            Stampede::Local | Stampede::Off => Duration::ZERO,
        }
    }
}

/// Waiting for the process that holds the lease.
pub(super) struct LeaseWait {
    until: Instant,
    poll: Duration,
    pub(super) listener: Option<Listener>,
    /// The followers of this call wait longer meanwhile.
    remote: Option<RemoteWait>,
}

impl LeaseWait {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            until: Instant::now() + timeout,
            poll: FIRST_POLL,
            listener: None,
            remote: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Listens first, and asks once more: the lease may have ended just before.
    pub(super) fn begin(&mut self, call: &KeyedCall<'_>, leader: Option<&Leader>) {
        self.listener = Some(call.store().listen(&call.method.pair, call.key.field));
        self.remote = leader.map(Leader::begin_remote_wait);
    }

    /// How long to wait for a message; no longer than the lease may be held without renewal.
    pub(super) fn next_poll(&mut self, left: Duration) -> Duration {
        let poll = self.poll.min(left + Duration::from_millis(1));
        self.poll = (self.poll * 2).min(LONGEST_POLL);
        poll
    }
}

/// An entry that was stored while this call was about to compute it.
pub(crate) struct FoundEntry {
    pub(crate) reply: LookupReply,
    /// Whether this call has waited for another process to store it.
    pub(crate) has_waited: bool,
    /// The followers that may be given it.
    pub(crate) joined: Option<JoinMark>,
}
