//! Running the method, and what becomes of the value it returns.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::attempt::{Attempt, KeyedCall};
use super::execution::Execution;
use super::steps::Steps;
use crate::engine::scope::{self, Frame, InScope, Scope};
use crate::method::bulkhead::BulkheadPermit;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Storable};
use crate::stats::Event;

impl Steps<'_> {
    /// Runs the method, commits what it returned, and returns it.
    pub(crate) async fn execute<S, R>(
        &mut self,
        cacheability: impl FnOnce(&S::Stored) -> Cacheability,
        method: impl Future<Output = R> + Unpin,
    ) -> R
    where
        S: ReturnType<R>,
        S::Stored: Storable,
    {
        let returned = self.run(method).await;
        let (stored, committed) = match self.conclude::<S, R>(returned, cacheability) {
            Ok(stored) => stored,
            Err(returned) => return returned,
        };
        if let Some(committed) = committed {
            committed.await;
        }
        S::from_stored(stored)
    }

    /// Runs the method in the scope of its execution.
    pub(crate) fn run<F: Future + Unpin>(&self, method: F) -> InScope<'_, F> {
        let attempt = self.0.as_ref();
        let execution = attempt.and_then(|attempt| attempt.execution.as_ref());
        InScope {
            scope: execution.map(|execution| &execution.scope),
            future: method,
        }
    }

    /// The method has returned: encodes what is to be stored of that, so that it need not be `Sync`, and
    /// returns it with what [commits](super::commit) it, if anything but the caller has a use for it.
    ///
    /// # Errors
    /// No error: what is not to be stored. It is handed back at once, so that `E` need not be `Send`.
    pub(crate) fn conclude<S, R>(
        &mut self,
        returned: R,
        cacheability: impl FnOnce(&S::Stored) -> Cacheability,
    ) -> Result<(S::Stored, Option<BoxFuture<'_, ()>>), R>
    where
        S: ReturnType<R>,
        S::Stored: Storable,
    {
        let stored = S::into_stored(returned).inspect_err(|_| self.fail())?;
        let committed = self.commit(&stored, cacheability);
        Ok((stored, committed))
    }
}

impl Attempt<'_> {
    /// Waits until the method may run, and starts its execution.
    pub(crate) async fn begin_execution(&mut self) {
        let permit = self.call.enter_bulkhead().await;
        self.start_execution(permit);
    }

    pub(crate) fn start_execution(&mut self, permit: BulkheadPermit) {
        self.call.count(Event::exec, 1);
        self.execution = Some(Execution {
            scope: Scope::new(self.call.engine.id(), Frame::Executing(self.call.key.field)),
            joined_before: self.joined(),
            started: Instant::now(),
            _permit: permit,
        });
    }

    /// The method has returned a value. Returns how long it took.
    pub(crate) fn executed(&self) -> Duration {
        let execution = self.execution.as_ref();
        let cost = execution.map_or(Duration::ZERO, |execution| execution.started.elapsed());
        self.call.method.record_execution(cost);
        cost
    }
}

impl KeyedCall<'_> {
    /// While the store is unavailable, waits for one of a limited number of permits.
    pub(super) async fn enter_bulkhead(&self) -> BulkheadPermit {
        let is_unavailable = self.store().is_unavailable(&self.method.pair);
        let is_nested = is_unavailable && scope::is_inside_execution(self.engine.id());
        self.method.bulkhead.enter(is_unavailable, is_nested).await
    }
}
