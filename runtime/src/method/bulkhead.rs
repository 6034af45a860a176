//! How many calls run a method at a time while its store is away.
//!
//! A cache that takes nine calls in ten is missed when it goes: what stands behind it is met by ten
//! times as many. This holds the excess back, instead of letting it take the database down as well.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one method.
#[derive(Debug)]
pub(crate) struct Guard {
    places: Option<Arc<Semaphore>>,
}

/// A place, or the knowledge that none is needed. Dropping it, however that comes, gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Guard {
    /// So many places; `None` for any number.
    pub(crate) fn new(most: Option<usize>) -> Self {
        let places =
            most.map(|most| Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))));
        Self { places }
    }

    /// Waits for a place if the store `is_away`. Places are given in the order in which they were
    /// asked for.
    ///
    /// Who `runs_already`, that is, calls from inside a run of any method of the cache, is let in at
    /// once: the run that it is a part of may have the place that it would wait for, or one that
    /// somebody waits for who has it.
    pub(crate) async fn enter(&self, is_away: bool, runs_already: bool) -> Place {
        let places = self.places.as_ref().filter(|_| is_away && !runs_already);
        let permit = match places {
            // Nobody closes it.
            Some(places) => places.clone().acquire_owned().await.ok(),
            None => None,
        };
        Place { _permit: permit }
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
    fn places_are_needed_while_the_store_is_away_only() {
        let guard = Guard::new(Some(1));
        let _place = pollster::block_on(guard.enter(true, false));
        let mut waits = pin!(guard.enter(true, false));
        assert!(poll(waits.as_mut()).is_pending());
        assert!(poll(pin!(guard.enter(false, false))).is_ready());
        assert!(poll(pin!(Guard::new(None).enter(true, false))).is_ready());
    }

    #[test]
    fn a_run_inside_a_run_does_not_wait_for_itself() {
        let guard = Guard::new(Some(1));
        let _place = pollster::block_on(guard.enter(true, false));
        assert!(poll(pin!(guard.enter(true, true))).is_ready());
    }

    #[test]
    fn who_goes_away_gives_the_place_back_and_does_not_take_one_along() {
        let guard = Guard::new(Some(1));
        let place = pollster::block_on(guard.enter(true, false));
        let mut first = pin!(guard.enter(true, false));
        let mut gone = Box::pin(guard.enter(true, false));
        let mut third = pin!(guard.enter(true, false));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(gone.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        drop(place);
        let Poll::Ready(place) = poll(first.as_mut()) else {
            panic!("the place was given back");
        };
        assert!(poll(third.as_mut()).is_pending(), "in order");
        drop(place);
        // The place is offered to one who goes away now.
        drop(gone);
        assert!(poll(third.as_mut()).is_ready());
    }
}
