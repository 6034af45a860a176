//! The context of one call: which cache, method and key, how much time is left, and whom it leads.

use std::time::Duration;

use super::execution::Execution;
use super::lease::Lease;
use super::record::CallRecord;
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::engine::scope::{self, Mode};
use crate::engine::single_flight::{JoinMark, Leader};
use crate::entry::label::Label;
use crate::key::digest::CallKey;
use crate::key::tags::TagIds;
use crate::method::bound::BoundRef;
use crate::method::freshness::NeedsRefresh;
use crate::stats::Event;
use crate::stats::outcome::NotStored;
use crate::store::{AcceptEntry, EntryOf, Store, StoreView, TagView};

/// A call that has a key: the name of one entry, and what reads and writes it.
#[derive(Debug)]
pub(crate) struct KeyedCall<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) method: BoundRef<'a>,
    pub(crate) key: CallKey,
    /// Those of its arguments.
    pub(crate) tags: TagIds,
    /// What its entry is stored with.
    pub(crate) label: Label,
}

impl KeyedCall<'_> {
    #[inline]
    pub(crate) fn store(&self) -> &dyn Store {
        self.engine.store()
    }

    /// Whether it is made in a transaction that invalidates its entry: then it has to read what that has written, and
    /// keep it from all others.
    #[inline]
    pub(crate) fn is_part_of_its_write(&self) -> bool {
        scope::is_invalidated(self.engine.id(), &self.method, self.key.field, &self.tags)
    }

    /// Whether its entry is to be invalidated as soon as the store can be reached. Until then it is not read.
    #[inline]
    pub(crate) fn is_queued_for_invalidation(&self) -> bool {
        let queue = self.engine.invalidations();
        queue.contains(&self.method, self.key.field, &self.tags)
    }

    /// What the store is asked for.
    pub(crate) fn wanted(&self) -> EntryOf {
        self.wanted_with(self.tags.clone())
    }

    /// The same, to be checked against these tags.
    pub(crate) fn wanted_with(&self, tags: TagIds) -> EntryOf {
        EntryOf {
            field: self.key.field,
            method: self.method.pair.method,
            tags,
        }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event, n: u64) {
        self.engine.count(Some(&self.method), event, n);
    }

    pub(crate) fn count_not_stored(&self, why: NotStored) {
        if let Some(event) = why.event() {
            self.count(event, 1);
        }
    }
}

/// A call on its way. Its [steps](super::steps) are in the files beside this one: [`lookup`](super::lookup),
/// [`acquire`](super::acquire), [`execute`](super::execute), [`commit`](super::commit).
pub(crate) struct Attempt<'a> {
    pub(crate) call: KeyedCall<'a>,
    pub(crate) mode: Mode,
    pub(crate) deadline: Deadline,
    /// Where the answer may be found next.
    pub(crate) step: Step,
    /// The stored entry that would do. `None` while the store is failing: this call does not ask it again.
    pub(crate) accept: Option<AcceptEntry>,
    /// What the look-up found of the store.
    pub(crate) seen: Option<StoreView>,
    /// What it found of the tags.
    pub(crate) seen_tags: Option<Box<TagView>>,
    /// The tags to look up once more with: the value that was found has some of its own.
    pub(crate) recheck: Option<TagIds>,
    /// Other calls of this process wait for this one.
    pub(crate) leader: Option<Leader>,
    /// This call may store its value.
    pub(crate) lease: Option<Lease>,
    /// The method runs. In a box, for a hit has none.
    pub(crate) execution: Option<Box<Execution>>,
    /// The store was not asked, as the entry is to be invalidated.
    pub(crate) is_unread: bool,
    /// What was found may be served, and is to be refreshed in the background.
    pub(crate) needs_refresh: Option<NeedsRefresh>,
    /// What becomes of it.
    pub(crate) record: CallRecord,
}

/// Where a call looks for its answer, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Lookup,
    /// The entry that was found, once more, with the tags of its value.
    Recheck,
    Flight,
    Lease,
    Bulkhead,
    /// The method is to be run.
    Execution,
}

impl<'a> Attempt<'a> {
    /// Of a call that is counted and logged.
    #[inline]
    pub(crate) fn new(call: KeyedCall<'a>, mode: Mode, deadline: Duration) -> Self {
        Self::recorded(call, mode, deadline, CallRecord::begin())
    }

    /// Of what is no call.
    pub(crate) fn unrecorded(call: KeyedCall<'a>, mode: Mode, deadline: Duration) -> Self {
        Self::recorded(call, mode, deadline, CallRecord::NONE)
    }

    #[inline]
    fn recorded(call: KeyedCall<'a>, mode: Mode, deadline: Duration, record: CallRecord) -> Self {
        Self {
            call,
            mode,
            deadline: Deadline::new(deadline),
            step: if mode.read { Step::Lookup } else { Step::Lease },
            accept: Some(AcceptEntry::Never),
            seen: None,
            seen_tags: None,
            recheck: None,
            leader: None,
            lease: None,
            execution: None,
            is_unread: false,
            needs_refresh: None,
            record,
        }
    }

    /// Its value is not stored.
    pub(crate) fn not_stored(&mut self, why: NotStored) {
        self.record.not_stored = Some(why);
        self.call.count_not_stored(why);
    }

    pub(crate) fn joined(&self) -> Option<JoinMark> {
        self.leader.as_ref().map(Leader::mark)
    }
}

impl Drop for Attempt<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(execution) = &self.execution
            && !execution.has_ended
        {
            self.abandon_execution();
        }
        if self.record.outcome().is_none() {
            return self.end_refresh();
        }
        self.record.end(self.call.engine, Some(&self.call.method));
    }
}
