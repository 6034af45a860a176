//! Background refresh: of stale values (stale-while-revalidate), and before expiry (refresh-ahead).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::acquire::LeaseOrEntry;
use super::attempt::{Attempt, KeyedCall};
use super::label::LabelSlot;
use super::lease::{FenceCheck, Lease};
use super::not_stored;
use super::steps::Steps;
use crate::engine::Engine;
use crate::engine::refreshes::RefreshPermit;
use crate::engine::scope::Mode;
use crate::entry::label::Label;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::key::tags::TagIds;
use crate::method::bound::{BoundMethod, BoundRef};
use crate::method::bulkhead::BulkheadPermit;
use crate::method::cacheability::Cacheability;
use crate::method::freshness::{Freshness, NeedsRefresh};
use crate::method::return_type::{ReturnType, Storable};
use crate::rt::{blocking, timeout};
use crate::stats::Event;
use crate::stats::outcome::{NotStored, Outcome};
use crate::store::{OnHeldLease, Put};

/// The backoff while another process refreshes.
const BACKOFF_IF_HELD: Duration = Duration::from_millis(500);

/// One refresh, which outlives the call that starts it.
pub(crate) struct Refresh {
    engine: Engine,
    method: Arc<BoundMethod>,
    key: CallKey,
    tags: TagIds,
    label: Label,
    needs: NeedsRefresh,
    permit: RefreshPermit,
}

impl Refresh {
    /// `None` while a refresh of the entry is under way, or in backoff after one that failed.
    pub(crate) fn start(call: &KeyedCall<'_>, needs: NeedsRefresh) -> Option<Self> {
        let backoff = Freshness::failure_backoff(call.method.ttl_ms());
        let permit = call.engine.refreshes().start(call.key.field, backoff)?;
        Some(Self {
            engine: call.engine.clone(),
            method: call.method.to_arc(),
            key: call.key,
            tags: call.tags.clone(),
            label: Label::NONE,
            needs,
            permit,
        })
    }

    /// What it stores has the label that its execution has made.
    pub(crate) fn labeled(self, slot: Option<&LabelSlot>) -> Self {
        let label = slot.map_or(Label::NONE, |slot| slot.label(&self.method));
        Self { label, ..self }
    }

    /// Runs the method, unless another process does, and stores what it returned. `None` if that is
    /// nothing that could be served.
    pub(crate) async fn run<S, R>(
        self,
        cacheability: impl Fn(&S::Stored) -> Cacheability,
        method: impl Future<Output = R>,
    ) -> Option<S::Stored>
    where
        S: ReturnType<R>,
        S::Stored: Storable,
    {
        let Self {
            engine,
            method: bound,
            key,
            tags,
            label,
            needs,
            mut permit,
        } = self;
        let call = KeyedCall {
            engine: &engine,
            method: BoundRef::Shared(bound),
            key,
            tags,
            label,
        };
        let mut steps = Steps(Ok(Attempt::unrecorded(
            call,
            Mode::default(),
            engine.limits().deadline,
        )));
        if !steps.begin_refresh(needs, &mut permit).await {
            return None;
        }
        let returned = steps.run(pin!(method)).await;
        // What is not to be stored ends here: `E` need not be `Send`.
        let stored = S::into_stored(returned)
            .inspect_err(|_| steps.fail())
            .ok()?;
        let put = steps.encode_refreshed(&stored, cacheability)?;
        steps.commit_refresh(put, &mut permit).await;
        Some(stored)
    }
}

impl Steps<'_> {
    /// Whether what was read is to be refreshed, and the refresh, if it is this call that makes it.
    pub(crate) fn refresh(&self) -> Option<(NeedsRefresh, Option<Refresh>)> {
        let attempt = self.0.as_ref().ok()?;
        let needs = attempt.needs_refresh?;
        Some((needs, Refresh::start(&attempt.call, needs)))
    }

    /// What the refresh of a stale value returns within the method's `soft_timeout`.
    pub(crate) async fn fresh_in_time<R>(
        &self,
        needs: NeedsRefresh,
        refreshed: oneshot::Receiver<R>,
    ) -> Option<R> {
        let attempt = self.0.as_ref().ok()?;
        let soft_timeout_ms = attempt.call.method.freshness.soft_timeout_ms;
        let soft_timeout_ms = soft_timeout_ms.filter(|_| needs.is_stale)?;
        let mut fresh = None;
        let wait = async { fresh = refreshed.await.ok() };
        timeout::within(Duration::from_millis(soft_timeout_ms), wait).await;
        fresh
    }

    /// An old value is served.
    pub(crate) fn count_stale(&mut self, needs: NeedsRefresh) {
        if let Ok(attempt) = &mut self.0
            && needs.is_stale
        {
            attempt.call.count(Event::stale, 1);
            attempt.record.answered(Outcome::Stale);
        }
    }

    /// Whether the method is to be run: it is this process that refreshes the entry.
    async fn begin_refresh(&mut self, needs: NeedsRefresh, permit: &mut RefreshPermit) -> bool {
        let Ok(attempt) = &mut self.0 else {
            return false;
        };
        attempt.lease = attempt.lease_for_refresh(needs, permit).await;
        if attempt.lease.is_none() {
            return false;
        }
        attempt.start_execution(BulkheadPermit::default());
        true
    }

    /// `None` if the value is not cacheable.
    fn encode_refreshed<T: Storable>(
        &mut self,
        value: &T,
        cacheability: impl FnOnce(&T) -> Cacheability,
    ) -> Option<Result<Put, Error>> {
        let attempt = self.0.as_mut().ok()?;
        let cacheability = cacheability(value);
        if cacheability == Cacheability::Failed {
            attempt.method_failed();
            return None;
        }
        let cost = attempt.executed();
        let Some(ttl_ms) = cacheability.ttl_ms(attempt.call.method.ttl_ms()) else {
            attempt.not_stored(not_stored::uncacheable(&cacheability));
            return None;
        };
        let call = &attempt.call;
        Some(call.encode_as(&cacheability, value.payload(), cost, ttl_ms))
    }

    async fn commit_refresh(&mut self, put: Result<Put, Error>, permit: &mut RefreshPermit) {
        let Ok(attempt) = &mut self.0 else { return };
        match (put, attempt.lease.take()) {
            (Ok(put), Some(lease)) => {
                let check = attempt.put(lease, put).await;
                attempt.record.not_stored = not_stored::after_put(check);
                if check != FenceCheck::Fenced {
                    permit.backoff = Duration::ZERO;
                }
            }
            (Ok(_), None) => {}
            (Err(error), _lease) => {
                attempt.not_stored(not_stored::unstorable(&error));
                attempt.drop_outdated(&error).await;
            }
        }
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
            Err(error) => {
                self.call.failed(&error);
                self.call.count(Event::refresh_failed, 1);
            }
        }
        None
    }

    /// What is recorded as no call is a refresh. Counts it if it has failed.
    pub(super) fn end_refresh(&self) {
        let failed = matches!(
            self.record.not_stored,
            Some(
                NotStored::Failed | NotStored::TooLarge | NotStored::Unencodable | NotStored::Store
            )
        );
        if failed {
            self.call.count(Event::refresh_failed, 1);
        }
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
