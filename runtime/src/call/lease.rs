//! Leases: the right to store what a computation returns, and single-flight across processes.
//!
//! A computation writes a fencing token into the store before it runs; its value is stored only while
//! that token is there. So an invalidation, or a later start, fences off every computation before it,
//! in whichever process. While a lease is held, other processes wait for the value.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use super::attempt::{Attempt, KeyedCall};
use super::commit::Currency;
use super::lookup::FoundEntry;
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::engine::single_flight::{Leader, RemoteWait};
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::fork::PerProcess;
use crate::rt::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use crate::rt::timeout;
use crate::settings::Stampede;
use crate::store::{AcceptEntry, LeaseOutcome, LeaseRequest, Listener, OnHeldLease, Pair, Token};

/// Between two requests while another process computes; a message from the store shortens it.
const FIRST_POLL: Duration = Duration::from_millis(20);
const LONGEST_POLL: Duration = Duration::from_millis(500);

/// The leases of this process.
static HELD: LazyLock<PerProcess<AllHeld>> = LazyLock::new(PerProcess::default);

type AllHeld = Mutex<HashMap<Token, Weak<HeldLease>>>;

/// A computation that may store. Once every call that computes under it is gone, it is released.
pub(crate) struct Lease(Arc<HeldLease>);

struct HeldLease {
    engine: Engine,
    pair: Arc<Pair>,
    field: Field,
    token: Token,
    /// For how long no process refreshes the field, if it ends without a value.
    backoff_ms: AtomicU64,
    is_open: AtomicBool,
}

/// What asking for a lease came to.
pub(crate) enum Acquired {
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
    ) -> Result<Acquired, Error> {
        // Made before the store is asked: if the caller goes away meanwhile, its drop gives the lease back.
        let mut lease = Lease::new(&self.call);
        let mut request = LeaseRequest {
            field: self.call.key.field,
            token: lease.token(),
            on_held,
            accept,
            deadline: self.deadline.whole(),
            tag: self.call.method.tag,
        };
        let mut wait = LeaseWait::new(self.lease_wait_timeout());
        loop {
            let notified = wait.listener.as_ref().map(Listener::heard);
            let joined = self.joined();
            let (left, holder) = match self.request_lease(&mut lease, request).await? {
                LeaseOutcome::Granted => return Ok(Acquired::Lease(lease)),
                LeaseOutcome::Hit(reply) => {
                    lease.close();
                    return Ok(Acquired::Entry(FoundEntry {
                        reply,
                        has_waited: wait.listener.is_some(),
                        joined,
                    }));
                }
                LeaseOutcome::Held { .. } if on_held == OnHeldLease::GiveUp => {
                    lease.close();
                    return Ok(Acquired::HeldElsewhere);
                }
                LeaseOutcome::Held { left, holder } => (left, holder),
            };
            // Calls of this process that want the same have waited for each other already.
            if holder.is_of(self.call.engine.id()) || wait.is_over() {
                // Several leaders of one flight share a lease: if they preempted each other, they
                // would all compute in vain.
                if let Some(shared) = Lease::of(holder) {
                    lease.close();
                    return Ok(Acquired::Lease(shared));
                }
                request.on_held = OnHeldLease::Preempt;
                continue;
            }
            match notified {
                None => wait.begin(self),
                Some(notified) => {
                    timeout::within(wait.next_poll(left), notified).await;
                }
            }
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

    fn lease_wait_timeout(&self) -> Duration {
        match self.call.method.freshness.stampede {
            Stampede::Lease => self.call.method.lease_wait_timeout(),
            Stampede::Local | Stampede::Off => Duration::ZERO,
        }
    }
}

/// Waiting for the process that holds the lease.
struct LeaseWait {
    until: Instant,
    poll: Duration,
    listener: Option<Listener>,
    /// The followers of this call wait longer meanwhile.
    remote: Option<RemoteWait>,
}

impl LeaseWait {
    fn new(timeout: Duration) -> Self {
        Self {
            until: Instant::now() + timeout,
            poll: FIRST_POLL,
            listener: None,
            remote: None,
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Listens first, and asks once more: the lease may have ended just before.
    fn begin(&mut self, attempt: &Attempt<'_>) {
        let call = &attempt.call;
        self.listener = Some(call.store().listen(&call.method.pair, call.key.field));
        self.remote = attempt.leader.as_ref().map(Leader::begin_remote_wait);
    }

    /// How long to wait for a message; no longer than the lease may be held without renewal.
    fn next_poll(&mut self, left: Duration) -> Duration {
        let poll = self.poll.min(left + Duration::from_millis(1));
        self.poll = (self.poll * 2).min(LONGEST_POLL);
        poll
    }
}

impl Lease {
    fn new(call: &KeyedCall<'_>) -> Self {
        let held = Arc::new(HeldLease {
            engine: call.engine.clone(),
            pair: call.method.pair.clone(),
            field: call.key.field,
            token: Token::new(call.engine.id()),
            backoff_ms: AtomicU64::new(0),
            is_open: AtomicBool::new(true),
        });
        all_held().insert(held.token, Arc::downgrade(&held));
        Self(held)
    }

    /// The lease of this process with this token, while it still permits a put.
    fn of(token: Token) -> Option<Self> {
        let held = all_held().get(&token).and_then(Weak::upgrade)?;
        held.is_open.load(Ordering::SeqCst).then_some(Self(held))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    /// What the store says of a computation so far.
    pub(crate) async fn is_current(&self, deadline: &mut Deadline) -> Currency {
        let store = self.0.engine.store();
        let is_current =
            deadline.spend(|left| store.is_current(&self.0.pair, self.0.field, self.0.token, left));
        match is_current.await {
            Ok(true) => Currency::Current,
            Ok(false) => Currency::Overtaken,
            Err(_) => Currency::Unknown,
        }
    }

    /// Prevents refreshes for a while if this one ends without a value.
    pub(crate) fn set_backoff(&mut self, backoff: Duration) {
        let backoff_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX);
        self.0.backoff_ms.store(backoff_ms, Ordering::SeqCst);
    }

    /// The store has ended the lease, or has never granted it.
    pub(crate) fn close(&mut self) {
        self.0.is_open.store(false, Ordering::SeqCst);
        self.0.engine.store().forget_lease(self.0.token);
    }
}

fn all_held() -> MutexGuard<'static, HashMap<Token, Weak<HeldLease>>> {
    let held = HELD.get_or_default().lock();
    held.unwrap_or_else(PoisonError::into_inner)
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        all_held().remove(&self.token);
        if self.is_open.load(Ordering::SeqCst) {
            let backoff = Duration::from_millis(self.backoff_ms.load(Ordering::SeqCst));
            let store = self.engine.store();
            store.release_lease(&self.pair, self.field, self.token, backoff);
        }
    }
}
