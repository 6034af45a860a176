//! The same handles for sync methods, on a thread that waits.

use std::fmt;
use std::time::Duration;

use super::inspection::Inspection;
use super::token::EntryToken;
use super::{Condition, EntryHandle, Needs, Ready};
use crate::cache::invalidation::Invalidation;
use crate::call::Call;
use crate::error::Error;
use crate::method::return_type::{ReturnType, Value};
use crate::rt::blocking;

/// The entry of one call of a sync method: as [`EntryHandle`], on a thread that waits.
pub struct BlockingEntryHandle<'a, S, R, Run>(EntryHandle<'a, S, R, Run>);

impl<S, R, Run> BlockingEntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// As [`EntryHandle::peek`].
    ///
    /// # Errors
    /// As there.
    pub fn peek(&self) -> Result<Option<S::Stored>, Error> {
        blocking::wait(self.0.peek())
    }

    /// As [`EntryHandle::invalidate`].
    ///
    /// # Errors
    /// As there.
    pub fn invalidate(&self) -> Result<bool, Error> {
        blocking::wait(self.0.invalidate())
    }

    /// As [`EntryHandle::put`].
    ///
    /// # Errors
    /// As there.
    pub fn put(&self, value: &S::Stored) -> Result<(), Error> {
        blocking::wait(self.0.put(value))
    }

    /// As [`EntryHandle::begin`].
    ///
    /// # Errors
    /// As there.
    pub fn begin(&self) -> Result<EntryToken, Error> {
        blocking::wait(self.0.begin())
    }

    /// As [`EntryHandle::put_if_current`].
    ///
    /// # Errors
    /// As there.
    pub fn put_if_current(&self, value: &S::Stored, token: EntryToken) -> Result<bool, Error> {
        blocking::wait(self.0.put_if_current(value, token))
    }

    /// As [`EntryHandle::inspect`].
    ///
    /// # Errors
    /// As there.
    pub fn inspect(&self) -> Result<Option<Inspection>, Error> {
        blocking::wait(self.0.inspect())
    }

    /// As [`EntryHandle::ttl`].
    ///
    /// # Errors
    /// As there.
    pub fn ttl(&self) -> Result<Option<Duration>, Error> {
        blocking::wait(self.0.ttl())
    }
}

impl<S, R, Run> BlockingEntryHandle<'_, S, R, Ready<Run>>
where
    S: ReturnType<R>,
    S::Stored: Value,
    Run: FnOnce() -> R,
{
    /// Runs the method, stores what it returned as a call would, and returns it.
    pub fn refresh(self) -> R {
        let (entry, cacheability, run) = self.0.into_parts();
        let execution = async { (run.0)() };
        blocking::wait(EntryHandle::<S, R, ()>::execute(
            entry,
            cacheability,
            || execution,
        ))
    }
}

macro_rules! refresh_with {
    ($($arg:ident: $ty:ident),*) => {
        impl<'a, S, R, Run, $($ty),*> BlockingEntryHandle<'a, S, R, Needs<($($ty,)*), Run>>
        where
            S: ReturnType<R>,
            S::Stored: Value,
            Run: FnOnce($($ty),*) -> R,
        {
            /// Runs the method with the arguments that are not in its key, stores what it
            /// returned as a call would, and returns it.
            #[allow(clippy::too_many_arguments)]
            pub fn refresh(self, $($arg: $ty),*) -> R {
                let (entry, cacheability, run) = self.0.into_parts();
                let execution = async { (run.0)($($arg),*) };
                blocking::wait(EntryHandle::<S, R, ()>::execute(entry, cacheability, || execution))
            }
        }
    };
}
refresh_with!(a: A);
refresh_with!(a: A, b: B);
refresh_with!(a: A, b: B, c: C);
refresh_with!(a: A, b: B, c: C, d: D);
refresh_with!(a: A, b: B, c: C, d: D, e: E);
refresh_with!(a: A, b: B, c: C, d: D, e: E, f: F);

#[doc(hidden)]
impl<'a, S, R, Run> BlockingEntryHandle<'a, S, R, Run> {
    pub fn new(call: Call<'_>, run: Run) -> Self {
        Self(EntryHandle::new(call, run))
    }

    #[must_use]
    pub fn with_condition(self, cacheability: Condition<R>) -> Self {
        Self(self.0.with_condition(cacheability))
    }

    pub(in crate::cache) fn into_waiting(self) -> EntryHandle<'a, S, R, Run> {
        self.0
    }

    pub fn invalidation(self) -> Invalidation {
        self.0.invalidation()
    }
}

impl<S, R, Run> fmt::Debug for BlockingEntryHandle<'_, S, R, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingEntryHandle")
            .finish_non_exhaustive()
    }
}
