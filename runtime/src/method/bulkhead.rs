//! Bulkhead: a limit on concurrent executions while the store is unavailable.
//!
//! A cache that answers nine calls in ten is missed when it goes: the database behind it suddenly gets
//! ten times the load. The bulkhead makes the excess wait, so that it does not take the database down
//! as well.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permits of one method.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    permits: Option<Arc<Semaphore>>,
}

/// A permit, or the knowledge that none is needed. Its drop gives it back.
#[derive(Debug, Default)]
pub(crate) struct BulkheadPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Bulkhead {
    /// With so many permits; `None` for no limit.
    pub(crate) fn new(most: Option<usize>) -> Self {
        let permits =
            most.map(|most| Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))));
        Self { permits }
    }

    /// Waits for a permit if the store `is_unavailable`, first come, first served.
    ///
    /// A call that `is_nested` in an execution of any method of the cache never waits: that execution
    /// may hold the very permit that it would wait for.
    pub(crate) async fn enter(&self, is_unavailable: bool, is_nested: bool) -> BulkheadPermit {
        let permits = self
            .permits
            .as_ref()
            .filter(|_| is_unavailable && !is_nested);
        let permit = match permits {
            // It is never closed.
            Some(permits) => permits.clone().acquire_owned().await.ok(),
            None => None,
        };
        BulkheadPermit { _permit: permit }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn places_are_needed_while_the_store_is_unavailable_only() {
        let bulkhead = Bulkhead::new(Some(1));
        let _permit = pollster::block_on(bulkhead.enter(true, false));
        let mut waits = pin!(bulkhead.enter(true, false));
        assert!(poll(waits.as_mut()).is_pending());
        assert!(poll(pin!(bulkhead.enter(false, false))).is_ready());
        assert!(poll(pin!(Bulkhead::new(None).enter(true, false))).is_ready());
    }

    #[test]
    fn a_nested_call_does_not_wait_for_its_own_execution() {
        let bulkhead = Bulkhead::new(Some(1));
        let _permit = pollster::block_on(bulkhead.enter(true, false));
        assert!(poll(pin!(bulkhead.enter(true, true))).is_ready());
    }

    #[test]
    fn a_dropped_waiter_neither_keeps_nor_loses_a_permit() {
        let bulkhead = Bulkhead::new(Some(1));
        let permit = pollster::block_on(bulkhead.enter(true, false));
        let mut first = pin!(bulkhead.enter(true, false));
        let mut gone = Box::pin(bulkhead.enter(true, false));
        let mut third = pin!(bulkhead.enter(true, false));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(gone.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        drop(permit);
        let Poll::Ready(permit) = poll(first.as_mut()) else {
            panic!("the permit was given back");
        };
        assert!(poll(third.as_mut()).is_pending(), "in order");
        drop(permit);
        // The permit is offered to a waiter that is dropped now.
        drop(gone);
        assert!(poll(third.as_mut()).is_ready());
    }
}
