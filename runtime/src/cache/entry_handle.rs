//! Typed handles on the entries of calls.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Cache;
use super::invalidation::Invalidation;
use crate::call::lease::{Asked, Lease};
use crate::call::{Call, discard, encoding, unstorable};
use crate::deadline::Budget;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::method::Bound;
use crate::method::cacheability::Verdict;
use crate::method::return_type::{Shape, Value};
use crate::rt::blocking;
use crate::stats::Event;
use crate::store::{Manner, Stored, Unwanted};

/// Whoever asks for an entry by name waits longer than a call does.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

type Parts<'a> = Result<(&'a Cache, Arc<Bound>, CallKey), Error>;

/// The entry of one call of an async method: `repo.entry().find(42)`.
///
/// The type parameters are the shape of the method's return type, that type, and what
/// [`refresh`](Self::refresh) runs.
pub struct EntryHandle<'a, S, R, Run> {
    parts: Parts<'a>,
    /// Never locked: the handle is `Sync` also where the user's future is only `Send`.
    run: Mutex<Run>,
    verdict: fn(&R) -> Verdict,
    types: PhantomData<fn() -> (S, R)>,
}

impl<'a, S, R, Run> EntryHandle<'a, S, R, Run>
where
    S: Shape<R>,
    S::Stored: Value,
{
    /// The stored value, if there is one that is alive. The policy does not take it for a use.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn peek(&self) -> Result<Option<S::Stored>, Error> {
        let (cache, bound, key) = self.parts()?;
        let found = cache.store().peek(&bound.pair, key.field, DEADLINE).await?;
        Ok(encoding::read(cache, bound, *key, &found).map(|(value, _)| value))
    }

    /// Removes the entry; tells whether there was one.
    ///
    /// # Errors
    /// The store does not answer: the entry may still be there.
    pub async fn invalidate(&self) -> Result<bool, Error> {
        let (cache, bound, key) = self.parts()?;
        let removed = cache
            .store()
            .delete(&bound.pair, vec![key.field], DEADLINE)
            .await;
        cache.flights().detach(key.field);
        Ok(removed? > 0)
    }

    /// Stores a value as if the method had returned it.
    ///
    /// # Errors
    /// The value cannot be encoded or is too large, or the store does not answer.
    pub async fn put(&self, value: &S::Stored) -> Result<(), Error> {
        let put = {
            let (cache, bound, key) = self.parts()?;
            encoding::encode(cache, bound, *key, value, Duration::ZERO, bound.ttl_ms)
        };
        self.store(put).await
    }

    /// What the entry has left to live, by the server's clock: `None` if there is no live entry,
    /// [`Duration::MAX`] if it has no end.
    ///
    /// An entry without a TTL of its own has what its pair has left, which a sliding pair moves.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn ttl(&self) -> Result<Option<Duration>, Error> {
        let (cache, bound, key) = self.parts()?;
        let found = cache.store().peek(&bound.pair, key.field, DEADLINE).await?;
        let Some(verified) = found
            .entry
            .as_deref()
            .and_then(|bytes| encoding::verify(bound, *key, bytes))
        else {
            return Ok(None);
        };
        let hard_ms = verified.times.hard_ms;
        if !verified.times.are_alive(found.now_us / 1000) {
            return Ok(None);
        }
        let own = (hard_ms > 0).then(|| hard_ms - found.now_us / 1000);
        let left = own.into_iter().chain(found.pair_ms).min();
        Ok(Some(left.map_or(Duration::MAX, Duration::from_millis)))
    }

    async fn run_anew<Fut: Future<Output = R>>(
        parts: Parts<'a>,
        verdict: fn(&R) -> Verdict,
        run: impl FnOnce() -> Fut,
    ) -> R {
        let Ok((cache, bound, key)) = parts else {
            return run().await;
        };
        cache.count(Some(&bound), Event::exec, 1);
        let (manner, unwanted) = (Manner::TakesOver, Unwanted::Everything);
        let mut budget = Budget::new(DEADLINE);
        let asked = Lease::ask(
            cache,
            &bound,
            key.field,
            manner,
            unwanted,
            None,
            &mut budget,
        )
        .await;
        let started = std::time::Instant::now();
        let returned = run().await;
        let cost = started.elapsed();
        let Some(ttl_ms) = verdict(&returned).ttl_ms(bound.ttl_ms) else {
            return returned;
        };
        let stored = match S::split(returned) {
            Ok(stored) => stored,
            Err(returned) => return returned,
        };
        // The caller asked for the method's answer: trouble with the store is counted, not told.
        match asked {
            Ok(Asked::Granted(mut lease)) => {
                let mut put = encoding::encode(cache, &bound, key, &stored, cost, ttl_ms);
                if let Ok(put) = &mut put {
                    put.token = Some(lease.token());
                }
                match store(cache, &bound, key, put).await {
                    Ok(()) => lease.close(),
                    Err(error) if unstorable::is_value(&error) => unstorable::warn(&bound, &error),
                    Err(_) => {}
                }
            }
            Ok(_) => {}
            Err(_) => cache.count(Some(&bound), Event::error, 1),
        }
        S::join(stored)
    }

    async fn store(&self, put: Result<crate::store::Put, Error>) -> Result<(), Error> {
        let (cache, bound, key) = self.parts()?;
        store(cache, bound, *key, put).await
    }

    fn parts(&self) -> Result<(&'a Cache, &Bound, &CallKey), Error> {
        match &self.parts {
            Ok((cache, bound, key)) => Ok((cache, bound, key)),
            Err(error) => Err(error.again()),
        }
    }
}

async fn store(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    put: Result<crate::store::Put, Error>,
) -> Result<(), Error> {
    let stored = match put {
        Ok(put) => cache.store().put(&bound.pair, put, DEADLINE).await,
        Err(error) => {
            let outdated = discard::outdated(cache, bound, key, DEADLINE);
            outdated.await.and(Err(error))
        }
    };
    match stored {
        Ok(Stored::Evicting(evicted)) => {
            cache.count(Some(bound), Event::write, 1);
            cache.count(Some(bound), Event::evicted, evicted);
            Ok(())
        }
        Ok(Stored::Overtaken) => Ok(()),
        Err(error) => {
            cache.count(Some(bound), Event::error, 1);
            Err(error)
        }
    }
}

/// What `refresh` runs where it needs no further arguments: the call itself, not yet begun.
#[doc(hidden)]
pub struct Ready<Fut>(pub Fut);

/// What `refresh` runs where it is given the arguments that are not in the key.
#[doc(hidden)]
pub struct Needs<Args, Run>(pub Run, pub PhantomData<fn(Args)>);

/// A call that waits for the arguments that are not in its key. Generated types implement it.
#[doc(hidden)]
pub trait Run<Args, R> {
    fn run(self, args: Args) -> impl Future<Output = R>;
}

impl<S, R, Fut> EntryHandle<'_, S, R, Ready<Fut>>
where
    S: Shape<R>,
    S::Stored: Value,
    Fut: Future<Output = R>,
{
    /// Runs the method, stores what it returned as a call would, and returns it. Modes do not
    /// matter here. Trouble with the store is counted in [`Stats`](crate::Stats).
    pub async fn refresh(self) -> R {
        let (parts, verdict, run) = self.into_parts();
        Self::run_anew(parts, verdict, || run.0).await
    }
}

macro_rules! refresh_with {
    ($($arg:ident: $ty:ident),*) => {
        impl<'a, S, R, Run, $($ty),*> EntryHandle<'a, S, R, Needs<($($ty,)*), Run>>
        where
            S: Shape<R>,
            S::Stored: Value,
            Run: crate::private::Run<($($ty,)*), R>,
        {
            /// Runs the method with the arguments that are not in its key, stores what it
            /// returned as a call would, and returns it.
            #[allow(clippy::too_many_arguments)] // as many as the user's method skips
            pub async fn refresh(self, $($arg: $ty),*) -> R {
                let (parts, verdict, run) = self.into_parts();
                Self::run_anew(parts, verdict, || run.0.run(($($arg,)*))).await
            }
        }

        impl<'a, S, R, Run, $($ty),*> BlockingEntryHandle<'a, S, R, Needs<($($ty,)*), Run>>
        where
            S: Shape<R>,
            S::Stored: Value,
            Run: FnOnce($($ty),*) -> R,
        {
            /// Runs the method with the arguments that are not in its key, stores what it
            /// returned as a call would, and returns it.
            #[allow(clippy::too_many_arguments)]
            pub fn refresh(self, $($arg: $ty),*) -> R {
                let (parts, verdict, run) = self.0.into_parts();
                let anew = async { (run.0)($($arg),*) };
                blocking::wait(EntryHandle::<S, R, ()>::run_anew(parts, verdict, || anew))
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

/// The entry of one call of a sync method: as [`EntryHandle`], on a thread that waits.
pub struct BlockingEntryHandle<'a, S, R, Run>(EntryHandle<'a, S, R, Run>);

impl<S, R, Run> BlockingEntryHandle<'_, S, R, Run>
where
    S: Shape<R>,
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
    S: Shape<R>,
    S::Stored: Value,
    Run: FnOnce() -> R,
{
    /// Runs the method, stores what it returned as a call would, and returns it.
    pub fn refresh(self) -> R {
        let (parts, verdict, run) = self.0.into_parts();
        let anew = async { (run.0)() };
        blocking::wait(EntryHandle::<S, R, ()>::run_anew(parts, verdict, || anew))
    }
}

#[doc(hidden)]
impl<'a, S, R, Run> EntryHandle<'a, S, R, Run> {
    // Asks nothing of the types: a value that cannot be stored is one error, that of its method.
    pub fn new(call: Call<'a>, run: Run) -> Self {
        Self {
            parts: call.into_parts(),
            run: Mutex::new(run),
            verdict: Verdict::store,
            types: PhantomData,
        }
    }

    /// For a method whose options judge what it returned.
    #[must_use]
    pub fn judged(self, verdict: fn(&R) -> Verdict) -> Self {
        Self { verdict, ..self }
    }

    fn into_parts(self) -> (Parts<'a>, fn(&R) -> Verdict, Run) {
        let run = self.run.into_inner();
        let run = run.unwrap_or_else(PoisonError::into_inner);
        (self.parts, self.verdict, run)
    }

    pub fn invalidation(self) -> Invalidation {
        Invalidation::of(self.parts.ok().map(|(_, bound, key)| (bound, key)))
    }
}

#[doc(hidden)]
impl<'a, S, R, Run> BlockingEntryHandle<'a, S, R, Run> {
    pub fn new(call: Call<'a>, run: Run) -> Self {
        Self(EntryHandle::new(call, run))
    }

    #[must_use]
    pub fn judged(self, verdict: fn(&R) -> Verdict) -> Self {
        Self(self.0.judged(verdict))
    }

    pub fn invalidation(self) -> Invalidation {
        self.0.invalidation()
    }
}

impl<S, R, Run> fmt::Debug for EntryHandle<'_, S, R, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryHandle").finish_non_exhaustive()
    }
}

impl<S, R, Run> fmt::Debug for BlockingEntryHandle<'_, S, R, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingEntryHandle")
            .finish_non_exhaustive()
    }
}

// What has yet to run may hold arguments, or the value.
impl<Fut> fmt::Debug for Ready<Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

impl<Args, Run> fmt::Debug for Needs<Args, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Needs").finish_non_exhaustive()
    }
}
