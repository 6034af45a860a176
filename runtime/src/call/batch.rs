//! A call of a batch method: many ids, each cached as if it had been asked for by a single call. There is one lookup for
//! all, one request for the leases of what is missing, one execution with the ids of that, and one put.
//!
//! Generated code is a loop around the user's method: [`BatchCall::find`] says for which ids it is to be run, and
//! [`BatchCall::conclude`] takes what it returned. [`attempt`] drives the items, and each of their steps has a file;
//! [`return_types`] has what knows types. Imports what the other files of `call` do, and those.

mod arguments;
mod attempt;
mod commit;
mod item;
mod keys;
mod lease;
mod lookup;
mod return_types;
mod wait;

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

pub use self::arguments::{again, chosen, ids, write_key};
use self::attempt::{BatchAttempt, BatchStep};
use self::keys::{ItemKeys, keys};
use self::return_types::{ReturnTypes, SplitReturn};
use super::bypass::Bypass;
use super::label::LabelSlot;
use super::not_stored;
use super::warn_of_tags;
use crate::engine::Engine;
use crate::key::digest::KeyWriter;
use crate::key::tags::Tags;
use crate::method::Method;
use crate::method::batch_return::BatchReturn;
use crate::method::bound::BoundRef;
use crate::method::cacheability::Cacheability;
use crate::method::return_type::{ReturnType, Value};
use crate::stats::Event;

/// A call of a method that returns `R`, for ids of the type `K`. Of each id there is an answer `A`, of which `T` is stored.
pub struct BatchCall<'a, K: ?Sized, R, A, T> {
    engine: &'a Engine,
    method: Option<BoundRef<'a>>,
    /// `None` for a call that bypasses the cache.
    attempt: Option<BatchAttempt<'a>>,
    bypass: Option<Bypass<'a>>,
    types: ReturnTypes<K, R, A, T>,
    ids: Vec<&'a K>,
    /// The item of each id, and the first id of each item.
    items: Vec<usize>,
    firsts: Vec<usize>,
    /// The answers, by items.
    answers: Vec<Option<A>>,
    /// The answers of ids that are there twice, by their places.
    copies: HashMap<usize, A>,
    runs_for: RunsFor,
}

/// What the method runs for.
#[derive(Debug)]
enum RunsFor {
    Items(Vec<usize>),
    /// Ids whose answers are not to be had by copying the first.
    Copies(Vec<usize>),
    /// All ids: what it returns is the answer.
    All,
}

impl<'a, K: ?Sized, R, A, T> BatchCall<'a, K, R, A, T> {
    /// Starts a call; `write` feeds the key of each id.
    pub fn new<S, I>(
        engine: &'a Engine,
        method: &'static Method,
        _return_type: S,
        _item_type: I,
        ids: Vec<&'a K>,
        mut write: impl FnMut(&mut KeyWriter, &'a K),
    ) -> Self
    where
        S: ReturnType<R>,
        S::Stored: BatchReturn<K, Item = A>,
        I: ReturnType<A, Stored = T>,
        T: Value,
    {
        let method = engine.bind(method).ok();
        engine.count(method.as_deref(), Event::count, 1);
        let mut call = Self {
            engine,
            method,
            attempt: None,
            bypass: None,
            types: ReturnTypes::of::<S, I>(),
            items: Vec::new(),
            firsts: Vec::new(),
            answers: Vec::new(),
            copies: HashMap::new(),
            runs_for: RunsFor::All,
            ids,
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
            let why = not_stored::without_key(self.engine, self.method.is_some(), mode);
            let method = self.method.as_ref().map(BoundRef::to_arc);
            self.bypass = Some(Bypass::begin(
                self.engine,
                method.map(BoundRef::Shared),
                why,
            ));
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

    /// Gives the entry of each id its tags.
    #[must_use]
    pub fn tagged(mut self, tags: impl Fn(&'a K) -> Tags) -> Self {
        let Some(attempt) = &mut self.attempt else {
            return self;
        };
        let each = self.firsts.iter().map(|&first| tags(self.ids[first]).ids());
        match each.collect() {
            Ok(tags) => attempt.tag(tags),
            Err(error) => {
                self.attempt = None;
                warn_of_tags(self.method.as_deref(), &error);
                self.engine.count(self.method.as_deref(), Event::bypass, 1);
            }
        }
        self
    }

    /// Makes the labels of the entries that the method is about to run for.
    pub fn label(&mut self, fill: impl Fn(&'a K, &LabelSlot)) {
        let (RunsFor::Items(items), Some(attempt)) = (&self.runs_for, &mut self.attempt) else {
            return;
        };
        if !attempt.mode.write {
            return;
        }
        for &item in items {
            let slot = LabelSlot::new();
            slot.want();
            fill(self.ids[self.firsts[item]], &slot);
            attempt.label(item, &slot);
        }
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
                        self.answers[index] = (self.types.decode)(attempt, index, bytes);
                    }
                }
                BatchStep::Run(items) => {
                    let places = items.iter().map(|&item| self.firsts[item]).collect();
                    self.runs_for = RunsFor::Items(items);
                    return Some(places);
                }
                BatchStep::End => return self.copy(),
            }
        }
        self.engine.count(self.method.as_deref(), Event::exec, 1);
        self.runs_for = RunsFor::All;
        Some((0..self.ids.len()).collect())
    }

    /// Copies the answers of ids that are there twice, through the codec, since they need not be `Clone`. Returns those
    /// that cannot be copied.
    fn copy(&mut self) -> Option<Vec<usize>> {
        if !self.types.is_by_position {
            return None;
        }
        let mut to_run = Vec::new();
        for (place, &item) in self.items.iter().enumerate() {
            if self.firsts[item] == place || self.copies.contains_key(&place) {
                continue;
            }
            let answer = self.answers[item].as_ref();
            let codec = self.method.as_ref().map(|method| &method.codec);
            let copied = answer
                .zip(codec)
                .and_then(|(answer, codec)| (self.types.copy)(codec, answer));
            match copied {
                Some(copy) => drop(self.copies.insert(place, copy)),
                None => to_run.push(place),
            }
        }
        if to_run.is_empty() {
            return None;
        }
        self.engine.count(self.method.as_deref(), Event::exec, 1);
        self.runs_for = RunsFor::Copies(to_run.clone());
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
        cacheability: impl Fn(&T) -> Cacheability,
    ) -> Result<BoxFuture<'_, ()>, R> {
        let runs_for = std::mem::replace(&mut self.runs_for, RunsFor::All);
        let ids: Vec<_> = match &runs_for {
            RunsFor::All => return Err(returned),
            RunsFor::Items(items) => items
                .iter()
                .map(|&item| self.ids[self.firsts[item]])
                .collect(),
            RunsFor::Copies(places) => places.iter().map(|&place| self.ids[place]).collect(),
        };
        let answers = match (self.types.split)(returned, &ids) {
            SplitReturn::Answers(answers) => answers,
            SplitReturn::Misfit(returned) => return self.give_up(returned, ids.len()),
            SplitReturn::Whole(returned) => {
                self.fail();
                return Err(returned);
            }
        };
        if answers.strangers > 0 {
            self.warn("values of ids that were not asked for, which are left out");
        }
        match runs_for {
            RunsFor::Items(items) => Ok(self.commit(items, answers.items, cacheability)),
            RunsFor::Copies(places) => {
                self.copies.extend(places.into_iter().zip(answers.items));
                Ok(Box::pin(ready(())))
            }
            RunsFor::All => Ok(Box::pin(ready(()))),
        }
    }

    fn commit(
        &mut self,
        items: Vec<usize>,
        answers: Vec<A>,
        cacheability: impl Fn(&T) -> Cacheability,
    ) -> BoxFuture<'_, ()> {
        let Some(attempt) = &mut self.attempt else {
            return Box::pin(ready(()));
        };
        let cost = attempt.executed() / u32::try_from(items.len().max(1)).unwrap_or(u32::MAX);
        let mut values = Vec::new();
        for (index, answer) in items.into_iter().zip(answers) {
            let answer = match (self.types.into_stored)(answer) {
                Ok(value) => {
                    let is_cacheable = cacheability(&value);
                    match (self.types.encode)(attempt, index, &value, cost, is_cacheable) {
                        Some(encoded) => values.push(encoded),
                        None => attempt.end_item(index),
                    }
                    (self.types.from_stored)(value)
                }
                Err(answer) => {
                    attempt.fail_item(index);
                    answer
                }
            };
            self.answers[index] = Some(answer);
        }
        attempt.commit(values)
    }

    /// The returned value does not fit the ids: it is the answer if they were all that were asked for. If not, the
    /// method is run for all.
    fn give_up(&mut self, returned: R, ran_for: usize) -> Result<BoxFuture<'_, ()>, R> {
        self.warn("another number of values than it was given ids, so none is stored");
        if let Some(mut attempt) = self.attempt.take() {
            attempt.abandon();
        }
        if ran_for == self.ids.len() {
            return Err(returned);
        }
        Ok(Box::pin(ready(())))
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
        let mut answers = Vec::with_capacity(self.items.len());
        for (place, &item) in self.items.iter().enumerate() {
            let answer = if self.firsts[item] == place {
                self.answers[item].take()
            } else {
                // In a map there is one for both.
                self.copies.remove(&place)
            };
            answers.extend(answer.map(|answer| (self.ids[place], answer)));
        }
        (self.types.join)(answers)
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
impl<K: ?Sized, R, A, T> fmt::Debug for BatchCall<'_, K, R, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCall").finish_non_exhaustive()
    }
}
