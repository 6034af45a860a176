//! One call of a cached method, from its arguments to its answer. Read this first.
//!
//! A call looks its entry up ([`lookup`]); on a miss it joins the flight of its key in this process
//! and acquires a lease across processes ([`acquire`]), runs the method ([`execute`]), stores what it
//! returned and publishes it to its followers ([`commit`]). The [`steps`] know only bytes; what they
//! have in common is an [`Attempt`]. Imports `engine`, `method`, `store` and what is below them.

pub(crate) mod acquire;
pub(crate) mod attempt;
mod backlog;
pub(crate) mod batch;
mod bypass;
pub(crate) mod commit;
mod discard;
mod encoding;
pub(crate) mod errors;
mod execute;
pub(crate) mod execution;
pub(crate) mod failure;
pub(crate) mod label;
pub(crate) mod lease;
mod lookup;
pub(crate) mod not_stored;
mod record;
mod refresh;
mod steps;

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use self::attempt::{Attempt, KeyedCall};
use self::bypass::Bypass;
use self::label::LabelSlot;
use self::steps::Steps;
use crate::engine::Engine;
use crate::engine::scope::Mode;
use crate::entry::label::Label;
use crate::error::{Error, ErrorKind};
use crate::key::digest::{CallKey, KeyWriter};
use crate::key::tags::{TagIds, Tags};
use crate::method::Method;
use crate::method::bound::{BoundMethod, BoundRef};
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Storable};
use crate::rt::blocking;
use crate::stats::Event;
use crate::stats::outcome::NotStored;

/// A call whose arguments have become a key.
#[derive(Debug)]
pub struct Call<'a> {
    engine: &'a Engine,
    method: Option<BoundRef<'a>>,
    key: Option<CallKey>,
    tags: TagIds,
    label: Option<&'a LabelSlot>,
    mode: Mode,
}

impl<'a> Call<'a> {
    /// Starts a call; `write` feeds the key with its arguments.
    pub fn new(
        engine: &'a Engine,
        method: &'static Method,
        mut write: impl FnMut(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(engine, method, engine.mode(), &mut write)
    }

    /// For a handle on the entry of a call, whatever mode is on.
    pub fn of_entry(
        engine: &'a Engine,
        method: &'static Method,
        mut write: impl FnMut(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(engine, method, Mode::default(), &mut write)
    }

    fn with_mode(
        engine: &'a Engine,
        method: &'static Method,
        mode: Mode,
        write: &mut dyn FnMut(&mut KeyWriter),
    ) -> Self {
        Self::of_bound(engine, engine.bind(method).ok(), mode, write)
    }

    /// For a method or function that is bound already.
    #[inline]
    pub(crate) fn of_bound(
        engine: &'a Engine,
        bound: Option<BoundRef<'a>>,
        mode: Mode,
        write: &mut dyn FnMut(&mut KeyWriter),
    ) -> Self {
        let cached = bound.as_ref().filter(|_| mode.read || mode.write);
        let key = cached.and_then(|bound| match bound.key.call(write) {
            Ok(key) => Some(key),
            Err(_) => {
                tracing::warn!(
                    method = &*bound.site,
                    "redis-func-cache: the arguments cannot be a key"
                );
                None
            }
        });
        Self {
            engine,
            tags: declared_tags(bound.as_deref()),
            label: None,
            method: bound,
            key,
            mode,
        }
    }

    /// Gives its entry the tags of its arguments.
    #[must_use]
    pub fn tagged(mut self, tags: impl FnOnce() -> Tags) -> Self {
        if self.key.is_none() {
            return self;
        }
        match tags().ids() {
            Ok(tags) => self.tags = tags,
            Err(error) => {
                self.key = None;
                warn_of_tags(self.method.as_deref(), &error);
            }
        }
        self
    }

    /// Gives its entry the label that is made in this slot before the method takes the arguments.
    #[must_use]
    pub fn labeled(self, slot: &'a LabelSlot) -> Self {
        if self.key.is_some() && self.mode.write {
            slot.want();
        }
        Self {
            label: Some(slot),
            ..self
        }
    }

    /// Answers the call: from the cache, or by running the method and storing what it returned, if
    /// that is cacheable.
    pub async fn run<S, R, Fut>(
        self,
        _return_type: S,
        cacheability: impl FnOnce(&S::Stored) -> Cacheability,
        method: impl FnOnce() -> Fut,
    ) -> R
    where
        S: ReturnType<R>,
        S::Stored: Storable,
        Fut: Future<Output = R>,
    {
        let (label, mut steps) = (self.label, self.steps());
        while let Some(reply) = steps.find().await {
            if let Some(stored) = steps.read(reply) {
                return S::from_stored(stored);
            }
        }
        // In a box, for most calls never need the room. What follows is `Steps::execute`, without a
        // future of its own for each method.
        let returned = steps.run(Box::pin(method())).await;
        steps.label(label);
        let (stored, committed) = match steps.conclude::<S, R>(returned, cacheability) {
            Ok(stored) => stored,
            Err(returned) => return returned,
        };
        if let Some(committed) = committed {
            committed.await;
        }
        S::from_stored(stored)
    }

    /// [`run`](Self::run) for a method that cannot outlive its call: the one call that finds an entry in need of a
    /// refresh runs the method for it, and is given the old value where that gives none.
    pub(crate) async fn run_or_refresh<S, R, Fut>(
        self,
        _return_type: S,
        cacheability: impl Fn(&S::Stored) -> Cacheability,
        method: impl FnOnce() -> Fut,
    ) -> R
    where
        S: ReturnType<R>,
        S::Stored: Storable,
        Fut: Future<Output = R>,
    {
        let mut steps = self.steps();
        while let Some(reply) = steps.find().await {
            let Some(stored) = steps.read(reply) else {
                continue;
            };
            let Some((needs, refresh)) = steps.refresh() else {
                return S::from_stored(stored);
            };
            if let Some(refresh) = refresh {
                // Begun only if it is this process that refreshes.
                let run = refresh.run::<S, R>(cacheability, async { method().await });
                if let Some(fresh) = Box::pin(run).await {
                    steps.answered_fresh();
                    return S::from_stored(fresh);
                }
            }
            steps.count_stale(needs);
            return S::from_stored(stored);
        }
        let method = Box::pin(method());
        steps.execute::<S, R>(cacheability, method).await
    }

    /// [`run`](Self::run) for a method whose values are refreshed in the background: `make` gives an
    /// execution that outlives this call.
    pub async fn run_stale<S, R, Fut>(
        self,
        _return_type: S,
        cacheability: impl Fn(&S::Stored) -> Cacheability + Send + 'static,
        make: impl FnOnce() -> Fut,
    ) -> R
    where
        S: ReturnType<R> + 'static,
        S::Stored: Storable + Send,
        Fut: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        self.run_refreshing::<S, R, Fut>(cacheability, make, refresh::spawn)
            .await
    }

    async fn run_refreshing<S, R, Fut>(
        self,
        cacheability: impl Fn(&S::Stored) -> Cacheability + Send + 'static,
        make: impl FnOnce() -> Fut,
        spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> R
    where
        S: ReturnType<R> + 'static,
        S::Stored: Storable + Send,
        Fut: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        let (label, mut steps) = (self.label, self.steps());
        while let Some(reply) = steps.find().await {
            let Some(stored) = steps.read(reply) else {
                continue;
            };
            let returned = S::from_stored(stored);
            let Some((needs, refresh)) = steps.refresh() else {
                return returned;
            };
            if let Some(refresh) = refresh {
                let (publish, refreshed) = oneshot::channel();
                let method = make();
                let refresh = refresh.labeled(label);
                let run = refresh.run::<S, R>(cacheability, method);
                spawn(Box::pin(async move {
                    if let Some(fresh) = run.await {
                        // Only a call with a `soft_timeout` waits for it.
                        let _ = publish.send(S::from_stored(fresh));
                    }
                }));
                if let Some(fresh) = steps.fresh_in_time(needs, refreshed).await {
                    steps.answered_fresh();
                    return fresh;
                }
            }
            steps.count_stale(needs);
            return returned;
        }
        let method = Box::pin(make());
        steps.label(label);
        steps.execute::<S, R>(cacheability, method).await
    }

    /// [`run`](Self::run) for a sync method: the same, on a thread that waits.
    pub fn run_blocking<S, R>(
        self,
        return_type: S,
        cacheability: impl FnOnce(&S::Stored) -> Cacheability,
        method: impl FnOnce() -> R,
    ) -> R
    where
        S: ReturnType<R>,
        S::Stored: Storable,
    {
        blocking::wait(self.run(return_type, cacheability, || async { method() }))
    }

    /// [`run_stale`](Self::run_stale) for a sync method.
    pub fn run_stale_blocking<S, R, Run>(
        self,
        _return_type: S,
        cacheability: impl Fn(&S::Stored) -> Cacheability + Send + 'static,
        make: impl FnOnce() -> Run,
    ) -> R
    where
        S: ReturnType<R> + 'static,
        S::Stored: Storable + Send,
        Run: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let make = || {
            let run = make();
            async move { run() }
        };
        let spawn = refresh::spawn_blocking;
        blocking::wait(self.run_refreshing::<S, R, _>(cacheability, make, spawn))
    }

    /// Counts the call, and begins it.
    fn steps(self) -> Steps<'a> {
        let (engine, mode) = (self.engine, self.mode);
        engine.count(self.method.as_deref(), Event::count, 1);
        let (method, why) = match self.into_keyed() {
            Ok(call) if !call.is_part_of_its_write() => {
                return Steps(Ok(Attempt::new(call, mode, engine.limits().deadline)));
            }
            Ok(call) => (Some(call.method), NotStored::Transaction),
            Err((method, _)) => {
                let why = not_stored::without_key(engine, method.is_some(), mode);
                (method, why)
            }
        };
        engine.count(method.as_deref(), Event::exec, 1);
        Steps(Err(Bypass::begin(engine, method, why)))
    }

    fn into_keyed(self) -> Result<KeyedCall<'a>, (Option<BoundRef<'a>>, Error)> {
        match (self.method, self.key) {
            (Some(method), Some(key)) => Ok(KeyedCall {
                engine: self.engine,
                method,
                key,
                tags: self.tags,
                label: Label::NONE,
            }),
            (Some(method), None) => Err((
                Some(method),
                Error::new(
                    ErrorKind::Key,
                    "the arguments or tags cannot be a key: their `Serialize` failed",
                ),
            )),
            (None, _) => Err((
                None,
                Error::config(
                    "the options of the method do not fit the cache, so it is not cached",
                ),
            )),
        }
    }

    /// What a handle on the entry needs.
    pub(crate) fn entry(self) -> Result<KeyedCall<'a>, Error> {
        let slot = self.label;
        let mut call = self.into_keyed().map_err(|(_, error)| error)?;
        call.label = slot.map_or(Label::NONE, |slot| slot.label(&call.method));
        Ok(call)
    }
}

/// None yet; of a method whose entries may have tags.
fn declared_tags(method: Option<&BoundMethod>) -> TagIds {
    match method {
        Some(method) if method.pair.tags.are_any() => TagIds::none_yet(),
        _ => TagIds::NONE,
    }
}

fn warn_of_tags(method: Option<&BoundMethod>, error: &Error) {
    tracing::warn!(
        method = method.map(|method| &*method.site),
        %error,
        "redis-func-cache: a call bypasses the cache, as its tags cannot be used"
    );
}
