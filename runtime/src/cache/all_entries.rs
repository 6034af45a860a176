//! Handles on all entries of one method.

use std::fmt;
use std::sync::Arc;

use super::invalidation;
use crate::engine::Engine;
use crate::error::Error;
use crate::method::Method;
use crate::method::bound::BoundMethod;
use crate::rt::blocking;

/// All entries of one async method or function in one cache, whatever their arguments.
///
/// The entry of one call has a handle of its own: [`EntryHandle`](crate::EntryHandle).
pub struct AllEntries {
    engine: Engine,
    method: Result<Arc<BoundMethod>, Error>,
}

impl AllEntries {
    /// Removes all entries of the method, whichever process stored them.
    ///
    /// After it has returned `Ok`, no later call, in any process, returns a value that was computed
    /// before it: computations that were under way store nothing (their fencing tokens are gone), and
    /// are not joined by later calls. The entries of other methods stay, and so do their computations.
    ///
    /// It applies at once, whatever mode is on. On Redis its cost grows with the entries of the pair,
    /// unless the pair belongs to this method alone (`multiple`, or a `maxsize` of its own).
    ///
    /// # Concurrency
    /// Of two callers at the same time, both are given the guarantee. Calls that joined an execution
    /// before the invalidation may still be given its value. If the future is dropped before it
    /// returns, entries may or may not be gone.
    ///
    /// # Errors
    /// The store does not answer: entries may still be there; call it again. Or the options of the
    /// method do not fit the store, so that it is not cached; the message says which.
    pub async fn invalidate(&self) -> Result<(), Error> {
        let method = self.method.as_ref().map_err(Error::again)?;
        invalidation::drop_all(&self.engine, method).await
    }

    /// For generated code.
    #[doc(hidden)]
    pub fn new(engine: &Engine, method: &'static Method) -> Self {
        Self::of_bound(engine, engine.bind(method).map(|bound| bound.into_arc()))
    }

    pub(super) fn of_bound(engine: &Engine, method: Result<Arc<BoundMethod>, Error>) -> Self {
        Self {
            engine: engine.clone(),
            method,
        }
    }
}

/// All entries of one sync method or function: as [`AllEntries`], on a thread that waits.
pub struct BlockingAllEntries(AllEntries);

impl BlockingAllEntries {
    /// As [`AllEntries::invalidate`].
    ///
    /// # Errors
    /// As there.
    pub fn invalidate(&self) -> Result<(), Error> {
        blocking::wait(self.0.invalidate())
    }

    /// For generated code.
    #[doc(hidden)]
    pub fn new(engine: &Engine, method: &'static Method) -> Self {
        Self(AllEntries::new(engine, method))
    }
}

impl fmt::Debug for AllEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map(|method| method.site);
        f.debug_struct("AllEntries")
            .field("method", &method.ok())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BlockingAllEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.0.method.as_ref().map(|method| method.site);
        f.debug_struct("BlockingAllEntries")
            .field("method", &method.ok())
            .finish_non_exhaustive()
    }
}
