//! Running the method, and what becomes of the value it returns.

use std::future::Future;
use std::time::Instant;

use super::attempt::Attempt;
use crate::engine::scope::{self, Frame, Scope};
use crate::method::bulkhead::BulkheadPermit;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Value};
use crate::stats::Event;

impl Attempt<'_> {
    /// Runs the method, commits what it returned, and returns it.
    pub(crate) async fn execute<S, R>(
        mut self,
        cacheability: impl FnOnce(&S::Stored) -> Cacheability,
        method: impl Future<Output = R>,
    ) -> R
    where
        S: ReturnType<R>,
        S::Stored: Value,
    {
        let _permit = self.enter_bulkhead().await;
        self.joined_before_execution = self.joined();
        let started = Instant::now();
        let returned = self.execution().run(method).await;
        let cost = started.elapsed();

        // What is not to be stored is handed back at once: `E` need not be `Send`.
        let stored = match S::into_stored(returned) {
            Ok(stored) => stored,
            Err(returned) => {
                self.fail();
                return returned;
            }
        };
        self.call.method.record_execution(cost);
        let ttl_ms = cacheability(&stored).ttl_ms(self.call.method.ttl_ms);
        if self.has_use_for_value(ttl_ms.is_some()) {
            // Encoded before the wait, so that the value need not be `Sync`.
            let entry = self.call.encode(&stored, cost, ttl_ms.unwrap_or_default());
            self.commit(entry, ttl_ms.is_some()).await;
        }
        S::from_stored(stored)
    }

    /// While the store is unavailable, waits for one of a limited number of permits.
    async fn enter_bulkhead(&self) -> BulkheadPermit {
        let call = &self.call;
        let is_unavailable = call.store().is_unavailable(&call.method.pair);
        let is_nested = is_unavailable && scope::is_inside_execution(call.engine.id());
        call.method.bulkhead.enter(is_unavailable, is_nested).await
    }

    /// Counts an execution, and makes the scope in which the method runs.
    pub(crate) fn execution(&self) -> Scope {
        self.call.count(Event::exec, 1);
        Scope::new(self.call.engine.id(), Frame::Executing(self.call.key.field))
    }
}
