//! Entries that go when a method has succeeded.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Cache;
use super::entry_handle::DEADLINE;
use crate::engine::detached;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::return_type::Shape;
use crate::method::{Bound, Method};
use crate::rt::blocking;
use crate::stats::Event;

/// Entries that a method with `#[invalidates(…)]` drops after it succeeded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Invalidation(Option<(Arc<Bound>, Option<CallKey>)>);

impl Invalidation {
    /// All entries of a method.
    pub fn all(cache: &Cache, method: &'static Method) -> Self {
        Self(cache.bind(method).map(|bound| (bound.into_arc(), None)))
    }

    /// The entry of one call, if it has one.
    pub(crate) fn of(entry: Option<(Arc<Bound>, CallKey)>) -> Self {
        Self(entry.map(|(bound, key)| (bound, Some(key))))
    }

    async fn apply(self, cache: &Cache) -> Result<(), Lost> {
        let Some((bound, key)) = self.0 else {
            return Ok(());
        };
        let store = cache.store();
        let dropped = match key {
            Some(key) => store.delete(&bound.pair, vec![key.field], DEADLINE).await,
            None if bound.alone => store.delete_pair(&bound.pair).await,
            None => store.delete_method(&bound.pair, bound.tag).await,
        };
        match key {
            Some(key) => cache.flights().detach(key.field),
            None => cache.flights().detach_all(),
        }
        dropped.map(drop).map_err(|error| Lost(bound, error))
    }
}

/// An invalidation that failed.
struct Lost(Arc<Bound>, Error);

/// Drops the entries, and returns what could not be dropped.
async fn apply(cache: Cache, invalidations: Vec<Invalidation>) -> Vec<Lost> {
    let mut lost = Vec::new();
    for invalidation in invalidations {
        lost.extend(invalidation.apply(&cache).await.err());
    }
    lost
}

fn count(cache: &Cache, lost: Vec<Lost>) {
    for Lost(bound, error) in lost {
        cache.count(Some(&bound), Event::error, 1);
        tracing::warn!(method = bound.site, kind = %error.kind(), "redis-func-cache: an invalidation failed");
    }
}

/// A method that has not ended: if it never does, being dropped or panicking, nobody knows what it
/// has written, and what it would have made stale is dropped behind.
struct Running<'a> {
    cache: &'a Cache,
    invalidations: Vec<Invalidation>,
}

impl Running<'_> {
    fn ended(mut self) -> Vec<Invalidation> {
        std::mem::take(&mut self.invalidations)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let invalidations = std::mem::take(&mut self.invalidations);
        if invalidations.is_empty() {
            return;
        }
        let cache = self.cache.clone();
        detached::start(self.cache, async move {
            let lost = apply(cache.clone(), invalidations).await;
            count(&cache, lost);
        });
    }
}

/// Awaits a method and, if what it returned is a success, drops the entries before it returns. They
/// are dropped also if the caller goes away meanwhile, or the method panics.
#[doc(hidden)]
pub async fn invalidate_after<S: Shape<R>, R>(
    cache: &Cache,
    invalidations: Vec<Invalidation>,
    _shape: S,
    method: impl Future<Output = R>,
) -> R {
    let running = Running {
        cache,
        invalidations,
    };
    let returned = method.await;
    let invalidations = running.ended();
    let done = match S::split(returned) {
        Ok(done) => done,
        Err(returned) => return returned,
    };
    let late = {
        let cache = cache.clone();
        move |lost| count(&cache, lost)
    };
    let applied = apply(cache.clone(), invalidations);
    // As long as it takes, which its own deadlines bound: a later call sees what was written.
    if let Some(lost) = detached::within(cache, Duration::MAX, applied, late).await {
        count(cache, lost);
    }
    S::join(done)
}

/// [`invalidate_after`] for a sync method.
#[doc(hidden)]
pub fn invalidate_after_blocking<S: Shape<R>, R>(
    cache: &Cache,
    invalidations: Vec<Invalidation>,
    shape: S,
    method: impl FnOnce() -> R,
) -> R {
    blocking::wait(invalidate_after(cache, invalidations, shape, async {
        method()
    }))
}
