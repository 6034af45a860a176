//! The steps of a call around its method, which know bytes and not what is in them.
//!
//! Each method of a user is compiled with what is generic in [`Call::run`](super::Call::run): so that
//! holds as little as it can. What has a `T` here is compiled once for each type of values, and the rest
//! once, as long as it is no `async fn`: that is compiled where it is polled.

use futures_util::future::BoxFuture;

use super::attempt::Attempt;
use super::lookup::{Find, FindReply};
use crate::method::cacheability::Cacheability;
use crate::method::return_type::Storable;

/// What the cache does for one call. `None` for a call that bypasses it: that only runs its method.
pub(crate) struct Steps<'a>(pub(crate) Option<Attempt<'a>>);

impl Steps<'_> {
    /// Looks for bytes that may be the answer, to be [read](Self::read); then there is `None`: the method
    /// is to be run.
    pub(crate) fn find(&mut self) -> Find<'_> {
        self.0.as_mut().map_or(Find::Nowhere, Attempt::find)
    }

    /// The value, unless there are no bytes, or they are of no use.
    pub(crate) fn read<T: Storable>(&mut self, reply: FindReply) -> Option<T> {
        let attempt = self.0.as_mut()?;
        let found = attempt.open(reply)?;
        let codec = &attempt.call.method.codec;
        let value = T::decode(codec, found.payload(), found.is_error()).ok();
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
    pub(crate) fn commit<T: Storable>(
        &mut self,
        value: &T,
        cacheability: impl FnOnce(&T) -> Cacheability,
    ) -> Option<BoxFuture<'_, ()>> {
        let attempt = self.0.as_mut()?;
        let cacheability = cacheability(value);
        if cacheability == Cacheability::Failed {
            attempt.fail();
            return None;
        }
        let cost = attempt.executed();
        attempt.commit(value.payload(), cost, cacheability)
    }
}
