//! Running the method, and what becomes of the value it returns.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::attempt::{Attempt, KeyedCall};
use super::execution::Execution;
use super::steps::Steps;
use crate::engine::scope::{self, Frame, InScope};
use crate::method::bulkhead::BulkheadPermit;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Storable};
use crate::stats::Event;
use crate::stats::outcome::NotStored;

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
        let attempt = self.0.as_ref().ok();
        let execution = attempt.and_then(|attempt| attempt.execution.as_deref());
        InScope {
            scope: execution.map(|execution| &execution.scope),
            span: execution.map(|execution| &execution.span),
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
        let frame = Frame::Executing(self.call.key.field);
        let (engine, method) = (self.call.engine, &self.call.method);
        let is_refresh = self.record.outcome().is_none();
        let mut execution = Execution::start(engine, method, frame, is_refresh, permit);
        execution.joined_before = self.joined();
        self.execution = Some(Box::new(execution));
    }

    /// The method has returned a value. Returns how long it took.
    pub(crate) fn executed(&mut self) -> Duration {
        let cost = self.end_execution();
        self.call.method.record_execution(cost);
        cost
    }

    /// The method has returned nothing that could be stored or shared.
    pub(crate) fn method_failed(&mut self) {
        self.end_execution();
        self.not_stored(NotStored::Failed);
        self.fail();
    }

    fn end_execution(&mut self) -> Duration {
        let execution = self.execution.as_mut();
        let took = execution.map_or(Duration::ZERO, |execution| execution.end(&self.call.method));
        self.record.executed(took);
        took
    }

    /// The execution has ended before the method has returned: it panicked, or its caller went away.
    #[cold]
    pub(super) fn abandon_execution(&mut self) {
        if std::thread::panicking() {
            self.end_execution();
            self.not_stored(NotStored::Failed);
        } else if self.record.outcome().is_none() {
            self.call.count(Event::cancelled, 1);
            self.call.count(Event::refresh_failed, 1);
        }
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
