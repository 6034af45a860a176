//! Background refresh: of stale values (stale-while-revalidate), and before expiry (refresh-ahead).

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::acquire::LeaseOrEntry;
use super::attempt::{Attempt, KeyedCall};
use super::lease::{FenceCheck, Lease};
use crate::engine::Engine;
use crate::engine::refreshes::RefreshPermit;
use crate::engine::scope::Mode;
use crate::key::digest::CallKey;
use crate::method::bound::{BoundMethod, BoundRef};
use crate::method::cacheability::Cacheability;
use crate::method::freshness::{Freshness, NeedsRefresh};
use crate::method::return_type::{ReturnType, Value};
use crate::rt::blocking;
use crate::store::OnHeldLease;

/// The backoff while another process refreshes.
const BACKOFF_IF_HELD: Duration = Duration::from_millis(500);

/// One refresh, which outlives the call that starts it.
pub(crate) struct Refresh {
    engine: Engine,
    method: Arc<BoundMethod>,
    key: CallKey,
    needs: NeedsRefresh,
    permit: RefreshPermit,
}

impl Refresh {
    /// `None` while a refresh of the entry is under way, or in backoff after one that failed.
    pub(crate) fn start(call: &KeyedCall<'_>, needs: NeedsRefresh) -> Option<Self> {
        let backoff = Freshness::failure_backoff(call.method.ttl_ms);
        let permit = call.engine.refreshes().start(call.key.field, backoff)?;
        Some(Self {
            engine: call.engine.clone(),
            method: call.method.to_arc(),
            key: call.key,
            needs,
            permit,
        })
    }

    /// Runs the method, unless another process does, and stores what it returned. `None` if that is
    /// nothing that could be served.
    pub(crate) async fn run<S, R>(
        self,
        cacheability: impl Fn(&S::Stored) -> Cacheability,
        method: impl Future<Output = R>,
    ) -> Option<R>
    where
        S: ReturnType<R>,
        S::Stored: Value,
    {
        let Self {
            engine,
            method: bound,
            key,
            needs,
            mut permit,
        } = self;
        let call = KeyedCall {
            engine: &engine,
            method: BoundRef::Shared(bound),
            key,
        };
        let mut attempt = Attempt::new(call, Mode::default(), engine.limits().deadline);
        let lease = attempt.lease_for_refresh(needs, &mut permit).await?;
        let started = Instant::now();
        let returned = attempt.execution().run(method).await;
        let cost = started.elapsed();
        // Back to what was returned before the wait: that is known to be `Send`.
        let (put, returned) = {
            let stored = S::into_stored(returned).ok()?;
            attempt.call.method.record_execution(cost);
            let ttl_ms = cacheability(&stored).ttl_ms(attempt.call.method.ttl_ms)?;
            (
                attempt.call.encode(&stored, cost, ttl_ms),
                S::from_stored(stored),
            )
        };
        match put {
            Ok(put) => {
                if attempt.put(lease, put).await != FenceCheck::Fenced {
                    permit.backoff = Duration::ZERO;
                }
            }
            Err(error) => attempt.drop_outdated(&error).await,
        }
        Some(returned)
    }
}

impl Attempt<'_> {
    async fn lease_for_refresh(
        &mut self,
        needs: NeedsRefresh,
        permit: &mut RefreshPermit,
    ) -> Option<Lease> {
        match self.acquire_lease(OnHeldLease::GiveUp, needs.accept).await {
            Ok(LeaseOrEntry::Lease(mut lease)) => {
                // From here on, whatever ends this without a value prevents refreshes in all processes
                // for a while.
                lease.set_backoff(permit.backoff);
                return Some(lease);
            }
            Ok(LeaseOrEntry::Entry(_)) => permit.backoff = Duration::ZERO,
            Ok(LeaseOrEntry::HeldElsewhere) => permit.backoff = permit.backoff.min(BACKOFF_IF_HELD),
            Err(error) => self.call.failed(&error),
        }
        None
    }
}

/// Runs a refresh on the caller's runtime, or on a thread of its own where there is none.
pub(crate) fn spawn(refresh: impl Future<Output = ()> + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(refresh)),
        Err(_) => on_a_thread(refresh),
    }
}

/// Runs a refresh that blocks.
pub(crate) fn spawn_blocking(refresh: impl Future<Output = ()> + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || blocking::wait(refresh))),
        Err(_) => on_a_thread(refresh),
    }
}

fn on_a_thread(refresh: impl Future<Output = ()> + Send + 'static) {
    // If no thread can be had, a later call tries again.
    let _ = std::thread::Builder::new().spawn(move || blocking::wait(refresh));
}
