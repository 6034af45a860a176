//! `refresh` of methods whose errors are cached as well.

use std::fmt;
use std::future::Future;
use std::pin::pin;

use super::blocking::BlockingEntryHandle;
use super::token::EntryToken;
use super::{Condition, Entry, EntryHandle, Needs, Ready};
use crate::call::execution::HandleExecution;
use crate::call::{failure, not_stored};
use crate::deadline::HANDLE_DEADLINE;
use crate::error::Error;
use crate::method::cacheability::Cacheability;
use crate::method::cached_error::ErrorToStore;
use crate::method::return_type::{ReturnType, Value};
use crate::rt::blocking;
use crate::settings;
use crate::stats::Event;
use crate::stats::outcome::NotStored;
use crate::store::OnHeldLease;

/// Finds the error in what a method returned, if it is to be stored.
type FindError<R> = fn(&R) -> Option<ErrorToStore<'_>>;

/// What `refresh` runs where errors are cached.
#[doc(hidden)]
pub struct WithErrors<R, Run>(pub Run, pub FindError<R>);

impl<R, Run> fmt::Debug for WithErrors<R, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithErrors").finish_non_exhaustive()
    }
}

impl<S, R> EntryHandle<'_, S, R, ()>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// As [`execute`](Self::execute). What the method returned is kept meanwhile, so that its errors have to be
    /// `Send` where the future has to be.
    async fn execute_with_errors<Fut: Future<Output = R>>(
        entry: Result<Entry, Error>,
        cacheability: Condition<R>,
        find_error: FindError<R>,
        run: impl FnOnce() -> Fut,
    ) -> R {
        let Ok(entry) = entry else {
            return run().await;
        };
        let call = entry.call();
        if call.is_part_of_its_write() {
            call.count(Event::exec, 1);
            call.count(Event::bypass, 1);
            return run().await;
        }
        let token = EntryToken::take(entry.call(), OnHeldLease::Preempt, HANDLE_DEADLINE).await;
        let execution = HandleExecution::start(&call);
        let returned = execution.run(pin!(run())).await;
        let cost = execution.end();
        let put = if let Some(error) = find_error(&returned) {
            let ttl_ms = settings::ms(error.ttl);
            call.encode_as(&Cacheability::Error(error.ttl), error.value, cost, ttl_ms)
        } else if let Some(value) = S::stored_in(&returned) {
            let cacheability = cacheability(&returned);
            let Some(ttl_ms) = cacheability.ttl_ms(call.method.ttl_ms()) else {
                call.count_not_stored(not_stored::uncacheable(&cacheability));
                return returned;
            };
            call.encode_as(&cacheability, value, cost, ttl_ms)
        } else {
            call.count_not_stored(NotStored::Failed);
            return returned;
        };
        match token.and_then(|token| Ok((token, put?))) {
            Ok((token, put)) => drop(token.put(&call, put).await),
            Err(error) if failure::is_unstorable(&error) => {
                call.count_not_stored(not_stored::unstorable(&error));
                drop(call.outdated(&error).await);
                failure::warn_unstorable(&call.method, &error);
            }
            Err(_) => {
                call.count(Event::error, 1);
                call.count_not_stored(NotStored::Store);
            }
        }
        returned
    }
}

impl<S, R, Fut> EntryHandle<'_, S, R, WithErrors<R, Ready<Fut>>>
where
    S: ReturnType<R>,
    S::Stored: Value,
    Fut: Future<Output = R>,
{
    /// Runs the method, stores what it returned as a call would, and returns it, whatever mode is on: also an error
    /// that `cache_err` chooses.
    pub async fn refresh(self) -> R {
        let (entry, cacheability, WithErrors(run, find_error)) = self.into_parts();
        EntryHandle::<S, R, ()>::execute_with_errors(entry, cacheability, find_error, || run.0)
            .await
    }
}

impl<S, R, Run> BlockingEntryHandle<'_, S, R, WithErrors<R, Ready<Run>>>
where
    S: ReturnType<R>,
    S::Stored: Value,
    Run: FnOnce() -> R,
{
    /// Runs the method, stores what it returned as a call would, and returns it: also an error that `cache_err`
    /// chooses.
    pub fn refresh(self) -> R {
        let (entry, cacheability, WithErrors(run, find_error)) = self.into_waiting().into_parts();
        let execution = async { (run.0)() };
        blocking::wait(EntryHandle::<S, R, ()>::execute_with_errors(
            entry,
            cacheability,
            find_error,
            || execution,
        ))
    }
}

macro_rules! refresh_with {
    ($($arg:ident: $ty:ident),*) => {
        impl<S, R, Run, $($ty),*> EntryHandle<'_, S, R, WithErrors<R, Needs<($($ty,)*), Run>>>
        where
            S: ReturnType<R>,
            S::Stored: Value,
            Run: crate::private::Run<($($ty,)*), R>,
        {
            /// Runs the method with the arguments that are not in its key, stores what it returned as a
            /// call would, and returns it.
            #[allow(clippy::too_many_arguments)] // as many as the user's method skips
            pub async fn refresh(self, $($arg: $ty),*) -> R {
                let (entry, cacheability, WithErrors(run, find_error)) = self.into_parts();
                let run = || run.0.run(($($arg,)*));
                EntryHandle::<S, R, ()>::execute_with_errors(entry, cacheability, find_error, run).await
            }
        }

        impl<S, R, Run, $($ty),*> BlockingEntryHandle<'_, S, R, WithErrors<R, Needs<($($ty,)*), Run>>>
        where
            S: ReturnType<R>,
            S::Stored: Value,
            Run: FnOnce($($ty),*) -> R,
        {
            /// Runs the method with the arguments that are not in its key, stores what it returned as a
            /// call would, and returns it.
            #[allow(clippy::too_many_arguments)] // as many as the user's method skips
            pub fn refresh(self, $($arg: $ty),*) -> R {
                let (entry, cacheability, WithErrors(run, find_error)) = self.into_waiting().into_parts();
                let execution = async { (run.0)($($arg),*) };
                let run = || execution;
                blocking::wait(EntryHandle::<S, R, ()>::execute_with_errors(entry, cacheability, find_error, run))
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
