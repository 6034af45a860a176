//! Handles on the entries of functions: a refresh is given its closure.

use std::fmt;
use std::future::Future;

use crate::cache::entry_handle::EntryHandle;
use crate::cache::entry_handle::blocking::BlockingEntryHandle;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnTypeOf, Value};
use crate::rt::blocking;

/// The entry of one key of a [`CachedFunction`](crate::CachedFunction), which holds a `T`. It borrows nothing.
pub type FunctionEntry<T> = EntryHandle<'static, ReturnTypeOf<false>, T, GivenClosure>;

/// The same for threads that wait.
pub type BlockingFunctionEntry<T> =
    BlockingEntryHandle<'static, ReturnTypeOf<false>, T, GivenClosure>;

/// What `refresh` runs where its caller gives the closure.
#[doc(hidden)]
pub struct GivenClosure;

impl<T: Value> FunctionEntry<T> {
    /// Runs the closure, stores what its future returns as a call would, and returns it, whatever mode is on.
    /// Trouble with the store is counted in [`Stats`](crate::Stats).
    ///
    /// # Concurrency
    /// It always runs the closure: it joins no other execution, and fences off those that are under
    /// way. Of two refreshes at the same time, the one that began later is stored.
    pub async fn refresh<F, Fut>(self, run: F) -> T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let (entry, cacheability, _) = self.into_parts();
        Self::execute(entry, cacheability, run).await
    }

    /// [`refresh`](Self::refresh) for a closure that may fail: `Err` is returned, and what is stored stays.
    ///
    /// # Errors
    /// Those of the closure, and no others.
    pub async fn try_refresh<E, F, Fut>(self, run: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let (entry, ..) = self.into_parts();
        TryEntry::<T, E>::execute(entry, Cacheability::always, run).await
    }
}

impl<T: Value> BlockingFunctionEntry<T> {
    /// As [`FunctionEntry::refresh`], with a sync closure.
    pub fn refresh(self, run: impl FnOnce() -> T) -> T {
        blocking::wait(self.into_waiting().refresh(|| async { run() }))
    }

    /// As [`FunctionEntry::try_refresh`], with a sync closure.
    ///
    /// # Errors
    /// Those of the closure, and no others.
    pub fn try_refresh<E>(self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        blocking::wait(self.into_waiting().try_refresh(|| async { run() }))
    }
}

type TryEntry<T, E> = EntryHandle<'static, ReturnTypeOf<true>, Result<T, E>, ()>;

impl fmt::Debug for GivenClosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GivenClosure")
    }
}
