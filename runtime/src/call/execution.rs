//! A method that runs, as its call knows it.

use std::time::{Duration, Instant};

use tracing::Span;

use super::attempt::KeyedCall;
use crate::engine::Engine;
use crate::engine::scope::{Frame, InScope, Scope};
use crate::engine::single_flight::JoinMark;
use crate::method::bound::BoundMethod;
use crate::method::bulkhead::BulkheadPermit;
use crate::stats::Event;
use crate::stats::metrics::Ongoing;

/// A method that runs.
pub(crate) struct Execution {
    pub(super) scope: Scope,
    pub(super) span: Span,
    pub(super) started: Instant,
    /// Whether it has returned.
    pub(super) has_ended: bool,
    _ongoing: Ongoing,
    /// The followers that had joined before: the value is as new as their calls.
    pub(super) joined_before: Option<JoinMark>,
    /// Held until the call has ended.
    pub(super) _permit: BulkheadPermit,
}

impl Execution {
    /// Counts it. It is in a span of its own, which hits do not have.
    pub(super) fn start(
        engine: &Engine,
        bound: &BoundMethod,
        frame: Frame,
        is_refresh: bool,
        permit: BulkheadPermit,
    ) -> Self {
        engine.count(Some(bound), Event::exec, 1);
        Self {
            scope: Scope::new(engine.id(), frame),
            span: tracing::debug_span!(
                target: "redis_func_cache::call",
                "cached_method",
                method = &*bound.site,
                is_refresh,
            ),
            joined_before: None,
            started: Instant::now(),
            has_ended: false,
            _ongoing: bound.metrics.begin_execution(),
            _permit: permit,
        }
    }

    /// The method has returned or panicked. Returns how long it took.
    pub(super) fn end(&mut self, bound: &BoundMethod) -> Duration {
        self.has_ended = true;
        let took = self.started.elapsed();
        bound.execution_times.record(took);
        bound.metrics.record_execution(took);
        took
    }
}

/// The execution of a handle that refreshes its entry, which is no call.
pub(crate) struct HandleExecution<'c> {
    call: &'c KeyedCall<'c>,
    execution: Execution,
}

impl<'c> HandleExecution<'c> {
    pub(crate) fn start(call: &'c KeyedCall<'c>) -> Self {
        let frame = Frame::Executing(call.key.field);
        let permit = BulkheadPermit::default();
        Self {
            call,
            execution: Execution::start(call.engine, &call.method, frame, true, permit),
        }
    }

    /// The method may be called by itself, so it is not in the scope.
    pub(crate) fn run<F: Future + Unpin>(&self, method: F) -> InScope<'_, F> {
        InScope {
            scope: None,
            span: Some(&self.execution.span),
            future: method,
        }
    }

    /// The method has returned. Returns how long it took.
    pub(crate) fn end(mut self) -> Duration {
        self.execution.end(&self.call.method)
    }
}

impl Drop for HandleExecution<'_> {
    fn drop(&mut self) {
        if self.execution.has_ended {
            return;
        }
        self.call.count(
            if std::thread::panicking() {
                Event::failed
            } else {
                Event::cancelled
            },
            1,
        );
    }
}
