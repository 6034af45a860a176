//! Entries that go when a method has succeeded.

use std::future::Future;
use std::sync::Arc;

use crate::blocking;
use crate::cache::Cache;
use crate::field::CallKey;
use crate::handle::DEADLINE;
use crate::method::{Bound, Method};
use crate::shape::Shape;
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

    async fn apply(self, cache: &Cache) {
        let Some((bound, key)) = self.0 else { return };
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
        if let Err(error) = dropped {
            cache.count(Some(&bound), Event::error, 1);
            tracing::warn!(method = bound.site, kind = %error.kind(), "redis-func-cache: an invalidation failed");
        }
    }
}

/// Awaits a method and, if what it returned is a success, drops the entries.
#[doc(hidden)]
pub async fn invalidate_after<S: Shape<R>, R>(
    cache: &Cache,
    invalidations: Vec<Invalidation>,
    _shape: S,
    method: impl Future<Output = R>,
) -> R {
    let done = match S::split(method.await) {
        Ok(done) => done,
        Err(returned) => return returned,
    };
    for invalidation in invalidations {
        invalidation.apply(cache).await;
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
