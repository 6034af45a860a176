//! Typed handles on the entries of calls.

pub(crate) mod blocking;
pub(crate) mod errors;
pub(crate) mod inspection;
pub(crate) mod token;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::token::EntryToken;
use super::invalidation::{self, Invalidation};
use crate::call::attempt::KeyedCall;
use crate::call::execution::HandleExecution;
use crate::call::{Call, failure, not_stored};
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::engine::pending::MethodEntries;
use crate::entry::header::{Times, VerifiedEntry};
use crate::entry::label::Label;
use crate::error::Error;
use crate::key::digest::CallKey;
use crate::key::tags::TagIds;
use crate::method::bound::{BoundMethod, BoundRef};
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Value};
use crate::stats::Event;
use crate::stats::outcome::NotStored;
use crate::store::{LookupReply, OnHeldLease};

/// Decides whether what a method returned is stored.
pub(in crate::cache) type Condition<R> = fn(&R) -> Cacheability;

/// The entry of one call of an async method: `repo.entry().find(42)`.
///
/// The type parameters are the method's return type, as a marker and as it is, and what
/// [`refresh`](Self::refresh) runs.
pub struct EntryHandle<'a, S, R, Run> {
    entry: Result<Entry, Error>,
    /// Never locked: the handle is `Sync` also where the user's future is only `Send`.
    run: Mutex<Run>,
    cacheability: Condition<R>,
    types: PhantomData<fn() -> (S, R)>,
    /// What `run` borrows lives for it.
    lifetime: PhantomData<&'a ()>,
}

/// The entry of one call. It borrows nothing: a handle may outlive what made it.
pub(in crate::cache) struct Entry {
    engine: Engine,
    method: Arc<BoundMethod>,
    key: CallKey,
    tags: TagIds,
    label: Label,
}

impl Entry {
    fn of(call: Call<'_>) -> Result<Self, Error> {
        let call = call.entry()?;
        Ok(Self {
            engine: call.engine.clone(),
            method: call.method.into_arc(),
            key: call.key,
            tags: call.tags,
            label: call.label,
        })
    }

    pub(in crate::cache) fn call(&self) -> KeyedCall<'_> {
        KeyedCall {
            engine: &self.engine,
            method: BoundRef::Borrowed(&self.method),
            key: self.key,
            tags: self.tags.clone(),
            label: self.label.clone(),
        }
    }

    /// Its cache, method and key.
    pub(in crate::cache) fn named(&self) -> (Engine, Arc<BoundMethod>, CallKey) {
        (self.engine.clone(), self.method.clone(), self.key)
    }
}

impl<S, R, Run> EntryHandle<'_, S, R, Run>
where
    S: ReturnType<R>,
    S::Stored: Value,
{
    /// The stored value, if there is one that is alive; `None` also where an error is stored ([`inspect`](Self::inspect)
    /// tells the two apart). The policy does not count it as a use.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn peek(&self) -> Result<Option<S::Stored>, Error> {
        let call = self.call()?;
        let reply = lookup(&call).await?;
        Ok(reply.and_then(|reply| call.read(&reply)))
    }

    /// Removes the entry, of whichever build; returns whether there was one.
    ///
    /// After it has returned `Ok`, no later call, in any process, returns a value that was computed
    /// before it: a computation that was under way stores nothing (its fencing token is gone), and
    /// is not joined by later calls.
    ///
    /// Inside [`after_commit`](crate::Cache::after_commit) it is deferred, and returns `Ok(false)`.
    ///
    /// # Concurrency
    /// Of two callers at the same time, one is given `true`; both are given the guarantee. Calls
    /// that joined an execution before the invalidation may still be given its value.
    ///
    /// # Errors
    /// The store does not answer: the entry may still be there.
    pub async fn invalidate(&self) -> Result<bool, Error> {
        let call = self.call()?;
        let entries = MethodEntries::of(call.key.field);
        if invalidation::is_deferred(call.engine, call.method.to_arc(), entries) {
            return Ok(false);
        }
        let removed = call.drop_entry(HANDLE_DEADLINE).await;
        call.engine.flights().detach(call.key.field);
        removed
    }

    /// The time until the entry expires, by the server's clock: `None` if there is no live entry,
    /// [`Duration::MAX`] if it never expires.
    ///
    /// An entry without a TTL of its own expires with its pair, which a sliding pair puts off with
    /// every use.
    ///
    /// # Errors
    /// The store does not answer, or the arguments cannot be a key.
    pub async fn ttl(&self) -> Result<Option<Duration>, Error> {
        let call = self.call()?;
        let Some(reply) = lookup(&call).await? else {
            return Ok(None);
        };
        let alive = call.alive(&reply);
        let left = alive.map(|(_, verified)| time_left(&reply, verified.times));
        Ok(left.map(|left| left.unwrap_or(Duration::MAX)))
    }

    pub(in crate::cache) async fn execute<Fut: Future<Output = R>>(
        entry: Result<Entry, Error>,
        cacheability: Condition<R>,
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
        if S::stored_in(&returned).is_none() {
            call.count_not_stored(NotStored::Failed);
            return returned;
        }
        let cacheability = cacheability(&returned);
        let Some(ttl_ms) = cacheability.ttl_ms(call.method.ttl_ms()) else {
            call.count_not_stored(not_stored::uncacheable(&cacheability));
            return returned;
        };
        let stored = match S::into_stored(returned) {
            Ok(stored) => stored,
            Err(returned) => return returned,
        };
        // The caller asked for the method's answer: trouble with the store is counted, not returned.
        let tags = cacheability.value_tags();
        let put = token.and_then(|token| Ok((token, call.encode(&stored, cost, ttl_ms, tags)?)));
        match put {
            Ok((token, put)) => drop(token.put(&call, put).await),
            Err(error) if failure::is_unstorable(&error) => {
                call.count_not_stored(not_stored::unstorable(&error));
                drop(call.outdated(&error).await);
                failure::warn_unstorable(&call.method, &error);
            }
            Err(error) => {
                call.engine.count_error(&call.method, error.kind());
                call.count_not_stored(NotStored::Store);
            }
        }
        S::from_stored(stored)
    }

    fn call(&self) -> Result<KeyedCall<'_>, Error> {
        let entry = self.entry.as_ref().map_err(Error::again)?;
        Ok(entry.call())
    }
}

/// `None` if what the store holds does not count: it is to be invalidated.
async fn lookup(call: &KeyedCall<'_>) -> Result<Option<LookupReply>, Error> {
    let pair = &call.method.pair;
    let is_invalidated = call.is_part_of_its_write() || call.is_queued_for_invalidation();
    let reply = call.store().peek(pair, call.wanted(), HANDLE_DEADLINE);
    let mut reply = reply.await?;
    if let Some(tags) = call.unchecked_tags(&reply) {
        let wanted = call.wanted_with(tags);
        reply = call.store().peek(pair, wanted, HANDLE_DEADLINE).await?;
    }
    Ok(Some(reply).filter(|_| !is_invalidated))
}

/// What the entry has left to live; `None` if it never expires.
fn time_left(reply: &LookupReply, times: Times) -> Option<Duration> {
    let own = (times.hard_ms > 0).then(|| times.hard_ms.saturating_sub(reply.now_us / 1000));
    let left = own.into_iter().chain(reply.pair_ms).min();
    left.map(Duration::from_millis)
}

impl KeyedCall<'_> {
    /// The entry that was found, if it is this call's, whole and alive.
    fn alive<'e>(&self, reply: &'e LookupReply) -> Option<(&'e [u8], VerifiedEntry<'e>)> {
        let bytes = reply.entry.as_deref()?;
        let verified = self.verify(bytes)?;
        let is_alive = verified.may_be_served(reply.now_us / 1000, reply.epoch)
            && self.check_tags(&verified, reply).is_some();
        is_alive.then_some((bytes, verified))
    }

    /// There is a newer value, which cannot be stored: the older one must not outlive it.
    async fn outdated(&self, error: &Error) -> Error {
        self.engine.count_error(&self.method, error.kind());
        let dropped = self.drop_entry(HANDLE_DEADLINE).await;
        dropped.err().unwrap_or_else(|| error.again())
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
    S: ReturnType<R>,
    S::Stored: Value,
    Fut: Future<Output = R>,
{
    /// Runs the method, stores what it returned as a call would, and returns it, whatever mode is on.
    /// Trouble with the store is counted in [`Stats`](crate::Stats).
    ///
    /// # Concurrency
    /// It always runs the method: it joins no other execution, and fences off those that are under
    /// way. Of two refreshes at the same time, the one that began later is stored.
    pub async fn refresh(self) -> R {
        let (entry, cacheability, run) = self.into_parts();
        Self::execute(entry, cacheability, || run.0).await
    }
}

macro_rules! refresh_with {
    ($($arg:ident: $ty:ident),*) => {
        impl<'a, S, R, Run, $($ty),*> EntryHandle<'a, S, R, Needs<($($ty,)*), Run>>
        where
            S: ReturnType<R>,
            S::Stored: Value,
            Run: crate::private::Run<($($ty,)*), R>,
        {
            /// Runs the method with the arguments that are not in its key, stores what it
            /// returned as a call would, and returns it.
            #[allow(clippy::too_many_arguments)] // as many as the user's method skips
            pub async fn refresh(self, $($arg: $ty),*) -> R {
                let (entry, cacheability, run) = self.into_parts();
                Self::execute(entry, cacheability, || run.0.run(($($arg,)*))).await
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
impl<S, R, Run> EntryHandle<'_, S, R, Run> {
    // Asks nothing of the types: a value that cannot be stored is one error, that of its method.
    pub fn new(call: Call<'_>, run: Run) -> Self {
        Self {
            entry: Entry::of(call),
            run: Mutex::new(run),
            cacheability: Cacheability::always,
            types: PhantomData,
            lifetime: PhantomData,
        }
    }

    /// For a method whose options condition what it returned.
    #[must_use]
    pub fn with_condition(self, cacheability: Condition<R>) -> Self {
        Self {
            cacheability,
            ..self
        }
    }

    pub(in crate::cache) fn into_parts(self) -> (Result<Entry, Error>, Condition<R>, Run) {
        let run = self.run.into_inner();
        let run = run.unwrap_or_else(PoisonError::into_inner);
        (self.entry, self.cacheability, run)
    }

    pub fn invalidation(self) -> Invalidation {
        Invalidation::of(self.entry.ok().map(|entry| entry.named()))
    }
}

impl<S, R, Run> fmt::Debug for EntryHandle<'_, S, R, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryHandle").finish_non_exhaustive()
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
