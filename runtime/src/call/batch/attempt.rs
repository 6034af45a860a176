//! A call for many ids on its way: the steps of all of its items, in rounds, with one request for a step.
//!
//! What it leads it computes and publishes before it waits for what others compute. So two batches that each
//! lead what the other follows do not wait for each other.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::span::EnteredSpan;

use super::super::attempt::KeyedCall;
use super::super::declared_tags;
use super::super::execution::Execution;
use super::super::label::LabelSlot;
use super::super::lookup::FoundBytes;
use super::super::record::CallTimes;
use super::item::{BatchItem, ItemStep};
use super::wait::ItemWaits;
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::engine::scope::{Frame, Mode, ScopeGuard};
use crate::key::digest::{CallKey, FieldSet};
use crate::key::tags::TagIds;
use crate::method::bound::BoundRef;
use crate::method::return_type::Value;
use crate::stats::Event;
use crate::stats::outcome::NotStored;

/// A call for many ids. It knows bytes and no types.
pub(crate) struct BatchAttempt<'a> {
    pub(super) engine: &'a Engine,
    pub(super) method: BoundRef<'a>,
    pub(super) mode: Mode,
    pub(super) deadline: Deadline,
    /// One for each key, in the order of its first appearance.
    pub(super) items: Vec<BatchItem>,
    /// What other calls compute.
    pub(super) waits: ItemWaits,
    /// The method runs.
    pub(super) execution: Option<Execution>,
    /// If the call is to be logged.
    times: Option<Box<CallTimes>>,
}

/// What is to be done with some of the items.
pub(crate) enum BatchStep {
    /// Bytes that may be their answers, to be read and [settled](BatchAttempt::settle).
    Read(Vec<(usize, FoundBytes)>),
    /// The method is to be run for them.
    Run(Vec<usize>),
    /// All have their answers.
    End,
}

impl<'a> BatchAttempt<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        method: BoundRef<'a>,
        mode: Mode,
        keys: Vec<CallKey>,
    ) -> Self {
        let first = if mode.read {
            ItemStep::Lookup
        } else {
            ItemStep::Lease
        };
        let tags = declared_tags(Some(&method));
        let items = keys.into_iter();
        let items = items.map(|key| BatchItem::new(key, tags.clone(), first));
        let items = items.collect();
        let mut attempt = Self {
            engine,
            method,
            mode,
            deadline: Deadline::new(engine.limits().deadline),
            items,
            waits: ItemWaits::default(),
            execution: None,
            times: CallTimes::if_wanted(),
        };
        attempt.leave_out_own_writes();
        attempt
    }

    /// Gives the entries of all items their tags.
    pub(crate) fn tag(&mut self, tags: Vec<TagIds>) {
        for (item, tags) in self.items.iter_mut().zip(tags) {
            item.tags = tags;
        }
        self.leave_out_own_writes();
    }

    /// Gives what will be stored for an item its label.
    pub(crate) fn label(&mut self, index: usize, slot: &LabelSlot) {
        self.items[index].label = slot.label(&self.method);
    }

    /// In a transaction that invalidates it, an item is computed for this call alone.
    fn leave_out_own_writes(&mut self) {
        for index in 0..self.items.len() {
            if self.call(index).is_part_of_its_write() {
                let item = &mut self.items[index];
                item.step = ItemStep::Due;
                item.record.not_stored = Some(NotStored::Transaction);
            }
        }
    }

    /// The next step. In a box: it is compiled here, and not in every crate that polls it.
    pub(crate) fn next(&mut self) -> BoxFuture<'_, BatchStep> {
        Box::pin(self.advance())
    }

    async fn advance(&mut self) -> BatchStep {
        self.execution = None;
        loop {
            let found = if self.has(ItemStep::Lookup) {
                self.look_up().await
            } else if self.has(ItemStep::Flight) {
                self.join_flights();
                continue;
            } else if self.has(ItemStep::Lease) {
                self.acquire_leases().await
            } else if self.has(ItemStep::Due) {
                return BatchStep::Run(self.begin_execution().await);
            } else if self.has(ItemStep::Wait) {
                self.wait().await
            } else {
                return BatchStep::End;
            };
            if !found.is_empty() {
                return BatchStep::Read(found);
            }
        }
    }

    fn has(&self, step: ItemStep) -> bool {
        self.items.iter().any(|item| item.step == step)
    }

    /// The items at this step.
    pub(super) fn at(&self, step: ItemStep) -> Vec<usize> {
        let items = self.items.iter().enumerate();
        items
            .filter(|(_, item)| item.step == step)
            .map(|(index, _)| index)
            .collect()
    }

    /// An item as the single call that it stands for.
    pub(super) fn call(&self, index: usize) -> KeyedCall<'_> {
        let item = &self.items[index];
        KeyedCall {
            engine: self.engine,
            method: self.method.reborrow(),
            key: item.key,
            tags: item.tags.clone(),
            label: item.label.clone(),
        }
    }

    pub(super) fn count(&self, event: Event, n: usize) {
        self.engine.count(
            Some(&self.method),
            event,
            u64::try_from(n).unwrap_or(u64::MAX),
        );
    }

    /// Waits until the method may run, and starts its execution for all items that are due.
    async fn begin_execution(&mut self) -> Vec<usize> {
        let due = self.at(ItemStep::Due);
        let permit = self.call(due[0]).enter_bulkhead().await;
        let mut fields = FieldSet::default();
        for &index in &due {
            let item = &mut self.items[index];
            item.step = ItemStep::Run;
            item.joined_before = item.joined();
            fields.insert(item.key.field);
        }
        let frame = Frame::ExecutingAll(fields);
        let execution = Execution::start(self.engine, &self.method, frame, false, permit);
        self.execution = Some(execution);
        due
    }

    /// The value of an item, if the bytes can be read.
    pub(crate) fn decode<T: Value>(&mut self, index: usize, found: FoundBytes) -> Option<T> {
        let value = self.method.codec.decode(found.payload()).ok();
        self.settle(index, found, value.is_some());
        value
    }

    /// Enters the scope and the span of the execution.
    pub(crate) fn enter(&self) -> Option<(ScopeGuard, EnteredSpan)> {
        let execution = self.execution.as_ref();
        execution.map(|execution| (execution.scope.enter(), execution.span.clone().entered()))
    }

    /// The method has returned values. Returns how long it took.
    pub(crate) fn executed(&mut self) -> Duration {
        let cost = self.end_execution();
        self.method.record_execution(cost);
        cost
    }

    fn end_execution(&mut self) -> Duration {
        let execution = self.execution.as_mut();
        let took = execution.map_or(Duration::ZERO, |execution| execution.end(&self.method));
        for item in &mut self.items {
            if item.step == ItemStep::Run {
                item.record.executed(took);
            }
        }
        if let Some(times) = &mut self.times {
            times.execution += took;
        }
        took
    }

    /// The values of all items that the method has run for are not stored.
    fn none_stored(&mut self, why: NotStored) {
        for index in self.at(ItemStep::Run) {
            self.not_stored(index, why);
        }
    }

    /// The value of an item is not stored.
    pub(super) fn not_stored(&mut self, index: usize, why: NotStored) {
        let record = &mut self.items[index].record;
        // That is known from the beginning.
        if record.not_stored == Some(NotStored::Transaction) {
            return;
        }
        record.not_stored = Some(why);
        if let Some(event) = why.event() {
            self.count(event, 1);
        }
    }

    /// The method returned nothing that could be stored or shared.
    pub(crate) fn fail(&mut self) {
        self.end_execution();
        self.none_stored(NotStored::Failed);
        self.fail_items();
    }

    fn fail_items(&mut self) {
        for index in self.at(ItemStep::Run) {
            self.items[index].fail();
        }
    }

    /// What the method returned does not fit the ids. It is to be run for all, whatever is known of them: other calls
    /// wait for none of it.
    pub(crate) fn abandon(&mut self) {
        self.end_execution();
        self.none_stored(NotStored::Misfit);
        self.fail_items();
        self.end_records();
        self.items.clear();
        self.waits = ItemWaits::default();
    }
}

impl BatchAttempt<'_> {
    /// Counts what has become of all items, and logs that.
    fn end_records(&mut self) {
        let records = || self.items.iter().map(|item| &item.record);
        for record in records() {
            record.end(self.engine, Some(&self.method));
        }
        if let Some(times) = self.times.take() {
            times.log_batch(&self.method, records());
        }
    }
}

impl Drop for BatchAttempt<'_> {
    fn drop(&mut self) {
        let has_ended = self
            .execution
            .as_ref()
            .is_none_or(|execution| execution.has_ended);
        if !has_ended && std::thread::panicking() {
            self.end_execution();
            self.none_stored(NotStored::Failed);
        }
        self.end_records();
    }
}

impl fmt::Debug for BatchAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchAttempt").finish_non_exhaustive()
    }
}
