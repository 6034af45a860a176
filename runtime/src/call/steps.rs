//! The steps of a call around its method, which know bytes and not what is in them.
//!
//! Each method of a user is compiled with what is generic in [`Call::run`](super::Call::run): so that
//! holds as little as it can. What has a `T` here is compiled once for each type of values, and the rest
//! once, as long as it is no `async fn`: that is compiled where it is polled.

use futures_util::future::BoxFuture;

use super::attempt::Attempt;
use super::bypass::Bypass;
use super::lookup::{Find, FindReply};
use crate::method::cacheability::Cacheability;
use crate::method::return_type::Storable;
use crate::stats::outcome::Outcome;

/// What the cache does for one call.
pub(crate) struct Steps<'a>(pub(crate) Result<Attempt<'a>, Bypass<'a>>);

impl Steps<'_> {
    /// Looks for bytes that may be the answer, to be [read](Self::read); then there is `None`: the method
    /// is to be run.
    pub(crate) fn find(&mut self) -> Find<'_> {
        self.0
            .as_mut()
            .map_or_else(|_| Find::Nowhere, Attempt::find)
    }

    /// The value, unless there are no bytes, or they are of no use.
    pub(crate) fn read<T: Storable>(&mut self, reply: FindReply) -> Option<T> {
        let attempt = self.0.as_mut().ok()?;
        let found = attempt.open(reply)?;
        let codec = &attempt.call.method.codec;
        let value = T::decode(codec, found.payload(), found.is_error()).ok();
        attempt.settle(found, value.is_some());
        value
    }

    /// The method returned nothing that could be stored or shared.
    pub(crate) fn fail(&mut self) {
        match &mut self.0 {
            Ok(attempt) => attempt.method_failed(),
            Err(bypass) => bypass.fail(),
        }
    }

    /// A stale value was found, and the answer is the new one.
    pub(crate) fn answered_fresh(&mut self) {
        if let Ok(attempt) = &mut self.0 {
            attempt.record.answered(Outcome::Led);
        }
    }

    /// Encodes what the method returned, at once, so that it need not be `Sync`; then stores it, and
    /// publishes it to the followers. `None` if nothing but the caller has a use for it.
    pub(crate) fn commit<T: Storable>(
        &mut self,
        value: &T,
        cacheability: impl FnOnce(&T) -> Cacheability,
    ) -> Option<BoxFuture<'_, ()>> {
        let attempt = match &mut self.0 {
            Ok(attempt) => attempt,
            Err(bypass) => {
                if value.is_error() {
                    bypass.fail();
                } else {
                    bypass.returned();
                }
                return None;
            }
        };
        let cacheability = cacheability(value);
        if cacheability == Cacheability::Failed {
            attempt.method_failed();
            return None;
        }
        let cost = attempt.executed();
        attempt.commit(value.payload(), cost, &cacheability)
    }
}
