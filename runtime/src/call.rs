//! One call of a cached method, from its arguments to its answer.

pub(crate) mod backlog;
pub(crate) mod commit;
pub(crate) mod discard;
pub(crate) mod encoding;
pub(crate) mod lease;
pub(crate) mod lookup;
pub(crate) mod payload;
pub(crate) mod refresh;
pub(crate) mod unstorable;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::commit::Role;
use self::lookup::{Answer, Looked, begin, see};
use self::refresh::Refresh;
use crate::cache::Cache;
use crate::deadline::Budget;
use crate::engine::scope;
use crate::engine::scope::{Frame, Mode, Scope};
use crate::engine::single_flight::{Place, Told};
use crate::error::{Error, ErrorKind};
use crate::key::digest::{CallKey, KeyWriter};
use crate::method::cacheability::Verdict;
use crate::method::return_type::{Shape, Value};
use crate::method::{Binding, Bound, Method};
use crate::rt::blocking;
use crate::settings::Stampede;
use crate::stats::Event;
use crate::store::redis::Blocked;
use crate::store::{Manner, Unwanted, within};

/// A call whose arguments have become a key.
#[derive(Debug)]
pub struct Call<'a> {
    cache: &'a Cache,
    bound: Option<Binding>,
    key: Option<CallKey>,
    mode: Mode,
}

impl<'a> Call<'a> {
    /// Takes a call down; `write` names what tells it from other calls of the method.
    pub fn new(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, cache.mode(), write)
    }

    fn with_mode(
        cache: &'a Cache,
        method: &'static Method,
        mode: Mode,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        let bound = cache.bind(method);
        let wanted = bound.as_ref().filter(|_| mode.read || mode.write);
        let key = wanted.and_then(|bound| match bound.key.call(write) {
            Ok(key) => Some(key),
            Err(_) => {
                tracing::warn!(
                    method = method.site(),
                    "redis-func-cache: the arguments cannot be a key"
                );
                None
            }
        });
        Self {
            cache,
            bound,
            key,
            mode,
        }
    }

    /// A call for its entry alone, whatever mode is on.
    pub fn of_entry(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, Mode::default(), write)
    }

    /// Answers the call: from the cache, or by running the method and storing what it returned, if
    /// the verdict on it is to store.
    pub async fn run<S, R, Fut>(
        self,
        _shape: S,
        verdict: impl FnOnce(&S::Stored) -> Verdict,
        method: impl FnOnce() -> Fut,
    ) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
        Fut: Future<Output = R>,
    {
        self.count(Event::count);
        let Some((bound, key)) = self.bound.as_ref().zip(self.key) else {
            self.count(Event::bypass);
            self.count(Event::exec);
            return method().await;
        };

        let mut budget = Budget::new(self.cache.limits().deadline);
        match self.answer(bound, key, &mut budget).await {
            Answer::Found(stored) | Answer::Due(stored, _) => S::join(stored),
            Answer::Compute(role) => {
                let part = (role, verdict, budget);
                // A box, for most calls never need the room.
                Box::pin(self.compute::<S, R>(bound, key, part, method())).await
            }
        }
    }

    /// [`run`](Self::run) for a method whose values are computed anew behind calls: `make` is asked
    /// for a run that outlives this call.
    pub async fn run_stale<S, R, Fut>(
        self,
        _shape: S,
        verdict: impl Fn(&S::Stored) -> Verdict + Send + 'static,
        make: impl Fn() -> Fut,
    ) -> R
    where
        S: Shape<R> + 'static,
        S::Stored: Value,
        Fut: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        self.run_refreshing::<S, R, Fut>(verdict, make, refresh::spawn)
            .await
    }

    async fn run_refreshing<S, R, Fut>(
        self,
        verdict: impl Fn(&S::Stored) -> Verdict + Send + 'static,
        make: impl Fn() -> Fut,
        spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> R
    where
        S: Shape<R> + 'static,
        S::Stored: Value,
        Fut: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        self.count(Event::count);
        let Some((bound, key)) = self.bound.as_ref().zip(self.key) else {
            self.count(Event::bypass);
            self.count(Event::exec);
            return make().await;
        };
        let mut budget = Budget::new(self.cache.limits().deadline);
        let (stored, due) = match self.answer(bound, key, &mut budget).await {
            Answer::Found(stored) => return S::join(stored),
            Answer::Due(stored, due) => (S::join(stored), due),
            Answer::Compute(role) => {
                let part = (role, verdict, budget);
                return Box::pin(self.compute::<S, R>(bound, key, part, make())).await;
            }
        };
        let turn = self
            .cache
            .refreshes()
            .start(key.field, refresh::pause(bound));
        if let Some(turn) = turn {
            let (tell, told) = oneshot::channel();
            let refresh = Refresh {
                cache: self.cache.clone(),
                bound: bound.to_arc(),
                key,
                due,
                turn,
            };
            let run = refresh.run::<S, R>(verdict, make());
            spawn(Box::pin(async move {
                if let Some(returned) = run.await {
                    // Nobody waits for it but with `soft_timeout`.
                    let _ = tell.send(returned);
                }
            }));
            if let Some(soft_timeout_ms) = bound.fresh.soft_timeout_ms.filter(|_| due.is_stale) {
                let mut fresh = None;
                let wait = async { fresh = told.await.ok() };
                within(Duration::from_millis(soft_timeout_ms), wait).await;
                if let Some(fresh) = fresh {
                    return fresh;
                }
            }
        }
        if due.is_stale {
            self.count(Event::stale);
        }
        stored
    }

    /// Runs the method, stores what it returned and gives it to those who wait.
    async fn compute<S, R>(
        &self,
        bound: &Binding,
        key: CallKey,
        (mut role, verdict, mut budget): (Role, impl FnOnce(&S::Stored) -> Verdict, Budget),
        method: impl Future<Output = R>,
    ) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let is_away = self.cache.store().is_away(&bound.pair);
        let runs_already = is_away && scope::runs(self.cache.id());
        let _place = bound.guard.enter(is_away, runs_already).await;
        self.count(Event::exec);
        let started = Instant::now();
        let scope = Scope::new(self.cache.id(), Frame::Computing(key.field));
        role.starts();
        let returned = scope.run(method).await;
        let cost = started.elapsed();

        // What is not to be stored is handed back at once: `E` need not be `Send`.
        let stored = match S::split(returned) {
            Ok(stored) => stored,
            Err(returned) => {
                role.failed();
                return returned;
            }
        };
        bound.took(cost);
        let ttl_ms = verdict(&stored).ttl_ms(bound.ttl_ms);
        if role.is_of_use(ttl_ms.is_some()) {
            // Encoded before the wait, so that the value need not be `Sync`.
            let kept = ttl_ms.is_some();
            let ttl_ms = ttl_ms.unwrap_or_default();
            let entry = encoding::encode(self.cache, bound, key, &stored, cost, ttl_ms);
            let bound = bound.to_arc();
            let land = role.land(self.cache, &bound, key, (entry, kept), &mut budget);
            land.await;
        }
        S::join(stored)
    }

    /// A value that is there, or comes from another call; else what to do.
    async fn answer<T: Value>(
        &self,
        bound: &Bound,
        key: CallKey,
        budget: &mut Budget,
    ) -> Answer<T> {
        if !self.mode.read {
            let (manner, unwanted) = (Manner::TakesOver, Unwanted::Everything);
            let (cache, role) = (self.cache, Role::default());
            return Box::pin(begin(cache, bound, key, role, manner, unwanted, budget)).await;
        }
        self.count(Event::read);
        let wait = budget.start();
        let looked = self.cache.get(&bound.pair, key.field, wait).await;
        let unwanted = match see(self.cache, bound, key, looked, budget) {
            Looked::Hit(stored, Some(due)) if self.mode.write => return Answer::Due(stored, due),
            Looked::Hit(stored, _) => return Answer::Found(stored),
            Looked::Miss(unwanted) => Some(unwanted),
            Looked::Failed => None,
        };
        Box::pin(self.join(bound, key, unwanted, budget)).await
    }

    /// After a miss: joins others who want the same, and leads if there are none. `unwanted` is
    /// `None` where the store is in trouble.
    async fn join<T: Value>(
        &self,
        bound: &Bound,
        key: CallKey,
        unwanted: Option<Unwanted>,
        budget: &mut Budget,
    ) -> Answer<T> {
        let (cache, mut role) = (self.cache, Role::default());
        // Who computes this very value would wait for itself.
        if !self.mode.write || scope::computes(cache.id(), key.field) {
            return Answer::Compute(role);
        }
        if bound.fresh.stampede != Stampede::Off {
            let told = match cache.flights().join(key.field, bound.patience()) {
                Place::Leads(lead) => Ok(Told::Lead(lead)),
                Place::Follows(told) => told.await,
            };
            match told {
                Ok(Told::Lead(lead)) => role.lead = Some(lead),
                Ok(Told::Landed(landed)) => {
                    let Some(stored) = encoding::read_landed(cache, bound, key, &landed) else {
                        return Answer::Compute(role);
                    };
                    self.count(Event::coalesced);
                    return Answer::Found(stored);
                }
                Err(_) => return Answer::Compute(role),
            }
        }
        let Some(unwanted) = unwanted else {
            return Answer::Compute(role);
        };
        let manner = match bound.fresh.stampede {
            Stampede::Lease | Stampede::Local => Manner::Waits,
            Stampede::Off => Manner::TakesOver,
        };
        begin(cache, bound, key, role, manner, unwanted, budget).await
    }

    /// [`run`](Self::run) for a sync method: the same, on a thread that waits.
    pub fn run_blocking<S, R>(
        self,
        shape: S,
        verdict: impl FnOnce(&S::Stored) -> Verdict,
        method: impl FnOnce() -> R,
    ) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let _blocked = Blocked::enter();
        blocking::wait(self.run(shape, verdict, || async { method() }))
    }

    /// [`run_stale`](Self::run_stale) for a sync method.
    pub fn run_stale_blocking<S, R, Run>(
        self,
        _shape: S,
        verdict: impl Fn(&S::Stored) -> Verdict + Send + 'static,
        make: impl Fn() -> Run,
    ) -> R
    where
        S: Shape<R> + 'static,
        S::Stored: Value,
        Run: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let _blocked = Blocked::enter();
        let make = || {
            let run = make();
            async move { run() }
        };
        let spawn = refresh::spawn_blocking;
        blocking::wait(self.run_refreshing::<S, R, _>(verdict, make, spawn))
    }

    pub(crate) fn into_parts(self) -> Result<(&'a Cache, Arc<Bound>, CallKey), Error> {
        let Some(bound) = self.bound else {
            return Err(Error::config(
                "the options of the method do not fit the store, so it is not cached",
            ));
        };
        match self.key {
            Some(key) => Ok((self.cache, bound.into_arc(), key)),
            None => Err(Error::new(
                ErrorKind::Key,
                "the arguments cannot be a key: their `Serialize` failed",
            )),
        }
    }

    fn count(&self, event: Event) {
        self.cache.count(self.bound.as_deref(), event, 1);
    }
}
