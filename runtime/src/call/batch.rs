//! A call of a batch method: for many ids, each of which is a call of its own to the cache. There is one lookup for
//! all, one request for the leases of what is missing, one execution with the ids of that, and one put.
//!
//! Generated code is a loop around the user's method: [`BatchCall::find`] says for which ids it is to be run, and
//! [`BatchCall::conclude`] takes what it returned. All that knows types is in this file; [`attempt`] drives the
//! items, and each of their steps has a file. Imports what the other files of `call` do, and those.

mod arguments;
mod attempt;
mod commit;
mod item;
mod keys;
mod lease;
mod lookup;
mod wait;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

pub use self::arguments::{again, chosen, ids, write_key};
use self::attempt::{BatchAttempt, BatchStep};
use self::keys::{ItemKeys, keys};
use crate::engine::Engine;
use crate::key::digest::KeyWriter;
use crate::method::Method;
use crate::method::batch_return::BatchReturn;
use crate::method::bound::BoundRef;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Value};
use crate::stats::Event;

/// A call of a method that returns `R`, for ids of the type `K`; `S` and `I` say what is stored of that.
pub struct BatchCall<'a, K: ?Sized, R, S, I>
where
    S: ReturnType<R>,
    S::Stored: BatchReturn<K>,
{
    engine: &'a Engine,
    method: Option<BoundRef<'a>>,
    /// `None` for a call that bypasses the cache.
    attempt: Option<BatchAttempt<'a>>,
    ids: Vec<&'a K>,
    /// The item of each id, and the first id of each item.
    items: Vec<usize>,
    firsts: Vec<usize>,
    /// The answers, by items.
    answers: Vec<Option<ItemAnswer<S, R, K>>>,
    /// The answers of ids that are there twice, by their places.
    copies: HashMap<usize, ItemAnswer<S, R, K>>,
    running: RunsFor,
    _item_type: I,
}

type ItemAnswer<S, R, K> = <<S as ReturnType<R>>::Stored as BatchReturn<K>>::Item;

/// What the method runs for.
#[derive(Debug)]
enum RunsFor {
    Items(Vec<usize>),
    /// Ids whose answers are not to be had by copying the first.
    Copies(Vec<usize>),
    /// All ids: what it returns is the answer.
    All,
}

impl<'a, K: ?Sized, R, S, I> BatchCall<'a, K, R, S, I>
where
    S: ReturnType<R>,
    S::Stored: BatchReturn<K>,
    I: ReturnType<ItemAnswer<S, R, K>>,
    I::Stored: Value,
{
    /// Starts a call; `write` feeds the key of each id.
    pub fn new(
        engine: &'a Engine,
        method: &'static Method,
        _return_type: S,
        item_type: I,
        ids: Vec<&'a K>,
        mut write: impl FnMut(&mut KeyWriter, &'a K),
    ) -> Self {
        let method = engine.bind(method).ok();
        engine.count(method.as_deref(), Event::count, 1);
        let mut call = Self {
            engine,
            method,
            attempt: None,
            items: Vec::new(),
            firsts: Vec::new(),
            answers: Vec::new(),
            copies: HashMap::new(),
            running: RunsFor::All,
            ids,
            _item_type: item_type,
        };
        if !call.ids.is_empty() {
            call.begin(&mut |writer, id| write(writer, id));
        }
        call
    }

    fn begin(&mut self, write: &mut dyn FnMut(&mut KeyWriter, &'a K)) {
        let mode = self.engine.mode();
        let keys = self
            .method
            .as_ref()
            .filter(|_| mode.read || mode.write)
            .and_then(|method| keys(method, &self.ids, write));
        let Some(keys) = keys else {
            self.engine.count(self.method.as_deref(), Event::bypass, 1);
            return;
        };
        let ItemKeys {
            of_items: keys,
            items,
            firsts,
        } = keys;
        (self.items, self.firsts) = (items, firsts);
        self.answers.resize_with(keys.len(), || None);
        let method = self.method.as_ref().map(BoundRef::to_arc);
        self.attempt = method
            .map(|method| BatchAttempt::new(self.engine, BoundRef::Shared(method), mode, keys));
    }

    /// The places of the ids that the method is to be run for next; `None` once all answers are there.
    pub async fn find(&mut self) -> Option<Vec<usize>> {
        if self.ids.is_empty() {
            return None;
        }
        while let Some(attempt) = &mut self.attempt {
            match attempt.next().await {
                BatchStep::Read(found) => {
                    for (index, bytes) in found {
                        let answer = attempt.decode::<I::Stored>(index, bytes);
                        self.answers[index] = answer.map(I::from_stored);
                    }
                }
                BatchStep::Run(items) => {
                    let places = items.iter().map(|&item| self.firsts[item]).collect();
                    self.running = RunsFor::Items(items);
                    return Some(places);
                }
                BatchStep::End => return self.copy(),
            }
        }
        self.engine.count(self.method.as_deref(), Event::exec, 1);
        self.running = RunsFor::All;
        Some((0..self.ids.len()).collect())
    }

    /// Copies the answers of ids that are there twice, through the codec, since they need not be `Clone`. Returns those
    /// that cannot be copied.
    fn copy(&mut self) -> Option<Vec<usize>> {
        if !S::Stored::IS_BY_POSITION {
            return None;
        }
        let mut to_run = Vec::new();
        for (place, &item) in self.items.iter().enumerate() {
            if self.firsts[item] == place || self.copies.contains_key(&place) {
                continue;
            }
            let answer = self.answers[item].as_ref().and_then(I::stored_in);
            let codec = self.method.as_ref().map(|method| &method.codec);
            let copied = answer.zip(codec).and_then(|(value, codec)| {
                let mut bytes = Vec::new();
                codec.encode(value, &mut bytes).ok()?;
                codec.decode(&bytes).ok()
            });
            match copied {
                Some(copy) => drop(self.copies.insert(place, I::from_stored(copy))),
                None => to_run.push(place),
            }
        }
        if to_run.is_empty() {
            return None;
        }
        self.engine.count(self.method.as_deref(), Event::exec, 1);
        self.running = RunsFor::Copies(to_run.clone());
        Some(to_run)
    }

    /// Runs the method in the scope of its execution.
    pub fn run<F: Future + Unpin>(&mut self, method: F) -> RunningBatch<'_, 'a, F> {
        RunningBatch {
            attempt: self.attempt.as_mut(),
            future: method,
        }
    }

    /// Takes what the method returned, and returns what commits it. What is to be stored is encoded at once, so that it
    /// need not be `Sync`.
    ///
    /// # Errors
    /// No error: what the method returned, where that is the answer.
    pub fn conclude(
        &mut self,
        returned: R,
        cacheability: impl Fn(&I::Stored) -> Cacheability,
    ) -> Result<BoxFuture<'_, ()>, R> {
        let places = match std::mem::replace(&mut self.running, RunsFor::All) {
            RunsFor::All => return Err(returned),
            RunsFor::Copies(places) => return self.conclude_copies(places, returned),
            RunsFor::Items(items) => items,
        };
        let returned = S::into_stored(returned).inspect_err(|_| self.fail())?;
        let ids: Vec<_> = places
            .iter()
            .map(|&item| self.ids[self.firsts[item]])
            .collect();
        match returned.split(&ids) {
            Ok(split) => {
                if split.strangers > 0 {
                    self.warn("values of ids that were not asked for, which are left out");
                }
                Ok(self.commit(places, split.items, cacheability))
            }
            Err(whole) => self.give_up(whole, ids.len()),
        }
    }

    fn commit(
        &mut self,
        places: Vec<usize>,
        returned: Vec<ItemAnswer<S, R, K>>,
        cacheability: impl Fn(&I::Stored) -> Cacheability,
    ) -> BoxFuture<'_, ()> {
        let Some(attempt) = &mut self.attempt else {
            return Box::pin(std::future::ready(()));
        };
        let cost = attempt.executed() / u32::try_from(places.len().max(1)).unwrap_or(u32::MAX);
        let mut values = Vec::new();
        for (index, returned) in places.into_iter().zip(returned) {
            let answer = match I::into_stored(returned) {
                Ok(value) => {
                    match attempt.encode(index, &value, cost, cacheability(&value)) {
                        Some(encoded) => values.push(encoded),
                        None => attempt.end_item(index),
                    }
                    I::from_stored(value)
                }
                Err(returned) => {
                    attempt.fail_item(index);
                    returned
                }
            };
            self.answers[index] = Some(answer);
        }
        attempt.commit(values)
    }

    fn conclude_copies(&mut self, places: Vec<usize>, returned: R) -> Result<BoxFuture<'_, ()>, R> {
        let returned = S::into_stored(returned)?;
        let ids: Vec<_> = places.iter().map(|&place| self.ids[place]).collect();
        match returned.split(&ids) {
            Ok(split) => {
                self.copies.extend(places.into_iter().zip(split.items));
                Ok(Box::pin(std::future::ready(())))
            }
            Err(whole) => self.give_up(whole, ids.len()),
        }
    }

    /// The returned value does not fit the ids: it is the answer if they were all that were asked for. If not, the
    /// method is run for all.
    fn give_up(&mut self, whole: S::Stored, ran_for: usize) -> Result<BoxFuture<'_, ()>, R> {
        self.warn("another number of values than it was given ids, so none is stored");
        if let Some(mut attempt) = self.attempt.take() {
            attempt.abandon();
        }
        if ran_for == self.ids.len() {
            return Err(S::from_stored(whole));
        }
        Ok(Box::pin(std::future::ready(())))
    }

    fn fail(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.fail();
        }
    }

    /// Warns once for each method.
    fn warn(&self, what: &str) {
        if let Some(method) = self
            .method
            .as_deref()
            .filter(|method| method.is_first_misfit())
        {
            tracing::warn!(
                method = &*method.site,
                "redis-func-cache: a batch method returned {what}"
            );
        }
    }

    /// The answer, once all items have theirs.
    pub fn finish(mut self) -> R {
        let is_by_position = S::Stored::IS_BY_POSITION;
        let mut items = Vec::with_capacity(self.items.len());
        for (place, &item) in self.items.iter().enumerate() {
            let is_first = self.firsts[item] == place;
            if !is_first && !is_by_position {
                continue;
            }
            let answer = if is_first {
                self.answers[item].take()
            } else {
                self.copies.remove(&place)
            };
            items.extend(answer.map(|answer| (self.ids[place], answer)));
        }
        S::from_stored(S::Stored::join(items.into_iter()))
    }
}

/// The user's method, in the scope of its execution. Meanwhile leads of others' flights are passed on.
#[derive(Debug)]
pub struct RunningBatch<'s, 'a, F> {
    attempt: Option<&'s mut BatchAttempt<'a>>,
    future: F,
}

impl<F: Future + Unpin> Future for RunningBatch<'_, '_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { attempt, future } = &mut *self;
        let Some(attempt) = attempt else {
            return Pin::new(future).poll(context);
        };
        let guard = attempt.enter();
        let returned = Pin::new(future).poll(context);
        drop(guard);
        if returned.is_pending() {
            attempt.tend_waits(context);
        }
        returned
    }
}

// What is in it is not for logs.
impl<K: ?Sized, R, S, I> fmt::Debug for BatchCall<'_, K, R, S, I>
where
    S: ReturnType<R>,
    S::Stored: BatchReturn<K>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCall").finish_non_exhaustive()
    }
}
