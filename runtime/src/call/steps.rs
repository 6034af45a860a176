//! The steps of a call around its method, which know bytes and not what is in them.
//!
//! Each method of a user is compiled with what is generic in [`Call::run`](super::Call::run): so that
//! holds as little as it can. What is here in `async fn` is compiled once, and what has a `T`, once
//! for each type of values.

use futures_util::future::BoxFuture;

use super::attempt::Attempt;
use super::lookup::Found;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::Value;

/// What the cache does for one call. `None` for a call that bypasses it: that only runs its method.
pub(crate) struct Steps<'a>(pub(crate) Option<Attempt<'a>>);

impl Steps<'_> {
    /// Bytes that may be the answer, to be [read](Self::read); then `None`: the method is to be run.
    pub(crate) async fn find(&mut self) -> Option<Found> {
        self.0.as_mut()?.find().await
    }

    /// The value, unless the bytes are no use: then there may be others.
    pub(crate) fn read<T: Value>(&mut self, found: Found) -> Option<T> {
        let attempt = self.0.as_mut()?;
        let value = attempt.call.method.codec.decode(found.payload()).ok();
        attempt.settle(found, value.is_some());
        value
    }

    /// The method returned nothing that could be stored or shared.
    pub(crate) fn fail(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.fail();
        }
    }

    /// Encodes what the method returned, at once, so that it need not be `Sync`; then stores it, and
    /// publishes it to the followers. `None` if nothing but the caller has a use for it.
    pub(crate) fn commit<T: Value>(
        &mut self,
        value: &T,
        cacheability: impl FnOnce(&T) -> Cacheability,
    ) -> Option<BoxFuture<'_, ()>> {
        let attempt = self.0.as_mut()?;
        let cost = attempt.executed();
        attempt.commit(value, cost, cacheability(value))
    }
}
