//! Handles on all entries of one method.

use std::fmt;
use std::sync::Arc;

use super::invalidation::{self, Invalidation};
use crate::engine::Engine;
use crate::engine::pending::MethodEntries;
use crate::error::Error;
use crate::method::Method;
use crate::method::function::Function;
use crate::rt::blocking;

/// All entries of one async method or function in one cache, whatever their arguments.
///
/// The entry of one call has a handle of its own: [`EntryHandle`](crate::EntryHandle).
pub struct AllEntries {
    engine: Engine,
    of: Owner,
}

/// Whose entries they are. It is bound when it is needed, in the process that needs it.
enum Owner {
    Method(&'static Method),
    Function(Arc<Function>),
}

impl AllEntries {
    /// Removes all entries of the method, whichever process and build stored them.
    ///
    /// After it has returned `Ok`, no later call, in any process, returns a value that was computed
    /// before it: computations that were under way store nothing (their fencing tokens are gone), and
    /// are not joined by later calls. The entries of other methods stay, and so do their computations.
    ///
    /// It applies at once, whatever mode is on. It is one write, whatever the number of entries. In a
    /// pair of several methods they make room as expired entries do, and count in
    /// [`len`](crate::Cache::len) until then; a pair of this method alone is removed at once.
    ///
    /// Inside [`after_commit`](crate::Cache::after_commit) it is deferred, and returns `Ok`.
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
        let engine = &self.engine;
        let bound = match &self.of {
            Owner::Method(method) => engine.bind(method)?,
            Owner::Function(function) => engine.bind_function(function)?,
        };
        if invalidation::is_deferred(engine, bound.to_arc(), MethodEntries::All) {
            return Ok(());
        }
        invalidation::drop_all(engine, &bound).await
    }

    /// For generated code.
    #[doc(hidden)]
    pub fn new(engine: &Engine, method: &'static Method) -> Self {
        Self {
            engine: engine.clone(),
            of: Owner::Method(method),
        }
    }

    /// For generated code.
    #[doc(hidden)]
    pub fn invalidation(&self) -> Invalidation {
        match &self.of {
            Owner::Method(method) => Invalidation::all(&self.engine, method),
            Owner::Function(_) => unreachable!("generated code names methods"),
        }
    }

    pub(super) fn of_function(engine: &Engine, function: &Arc<Function>) -> Self {
        Self {
            engine: engine.clone(),
            of: Owner::Function(function.clone()),
        }
    }
}

impl Owner {
    fn name(&self) -> &str {
        match self {
            Self::Method(method) => method.site(),
            Self::Function(function) => function.name(),
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

    /// For generated code.
    #[doc(hidden)]
    pub fn invalidation(&self) -> Invalidation {
        self.0.invalidation()
    }
}

impl fmt::Debug for AllEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllEntries")
            .field("of", &self.of.name())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BlockingAllEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingAllEntries")
            .field("of", &self.0.of.name())
            .finish_non_exhaustive()
    }
}
