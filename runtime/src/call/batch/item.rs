//! One item of a batch: a single call to the cache, whose steps are taken together with those of the others.

use super::super::acquire::LeaseWait;
use super::super::lease::Lease;
use super::super::lookup::other_than;
use super::super::record::CallRecord;
use crate::engine::single_flight::{JoinMark, Leader};
use crate::entry::label::Label;
use crate::key::digest::CallKey;
use crate::key::tags::TagIds;
use crate::store::{AcceptEntry, LookupReply, OnHeldLease, StoreView, TagView};

/// An item on its way.
pub(super) struct BatchItem {
    pub(super) key: CallKey,
    /// Those of its arguments.
    pub(super) tags: TagIds,
    pub(super) label: Label,
    /// Those to look it up once more with, as the value that was found has some of its own.
    pub(super) recheck: Option<TagIds>,
    pub(super) step: ItemStep,
    /// The stored entry that would do. `None` while the store is failing: it is not asked again.
    pub(super) accept: Option<AcceptEntry>,
    /// What the look-up found of the store.
    pub(super) seen: Option<StoreView>,
    /// What it found of the tags.
    pub(super) seen_tags: Option<Box<TagView>>,
    /// Other calls of this process wait for this item.
    pub(super) leader: Option<Leader>,
    /// Its value may be stored.
    pub(super) lease: Option<Lease>,
    /// Another process holds the lease that was asked for.
    pub(super) held: Option<HeldElsewhere>,
    /// The store was not asked, as the entry is to be invalidated.
    pub(super) is_unread: bool,
    /// The followers that had joined before the method ran.
    pub(super) joined_before: Option<JoinMark>,
    /// What becomes of it.
    pub(super) record: CallRecord,
}

/// What is to be done for an item next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemStep {
    /// To look its entry up.
    Lookup,
    /// To join its flight.
    Flight,
    /// To ask for its lease.
    Lease,
    /// To wait for another call, here or in another process.
    Wait,
    /// To run the method.
    Due,
    /// The method runs.
    Run,
    /// Nothing: it has its answer, or what may be one is being read.
    Done,
}

/// A lease that was asked for in vain.
pub(super) struct HeldElsewhere {
    /// It is asked for with this token.
    pub(super) lease: Lease,
    pub(super) wait: LeaseWait,
    pub(super) on_held: OnHeldLease,
}

impl BatchItem {
    pub(super) fn new(key: CallKey, tags: TagIds, step: ItemStep) -> Self {
        Self {
            key,
            tags,
            label: Label::NONE,
            recheck: None,
            step,
            accept: Some(AcceptEntry::Never),
            seen: None,
            seen_tags: None,
            leader: None,
            lease: None,
            held: None,
            is_unread: false,
            joined_before: None,
            record: CallRecord::item(),
        }
    }

    pub(super) fn joined(&self) -> Option<JoinMark> {
        self.leader.as_ref().map(Leader::mark)
    }

    pub(super) fn is_followed_before(&self, joined: JoinMark) -> bool {
        let leader = self.leader.as_ref();
        leader.is_some_and(|leader| leader.has_followers_before(joined))
    }

    /// There is nothing that could be stored or shared.
    pub(super) fn fail(&mut self) {
        self.step = ItemStep::Done;
        self.lease = None;
        if let Some(leader) = self.leader.take() {
            leader.failed();
        }
    }

    /// There is an answer. Followers that were not given one lead.
    pub(super) fn end(&mut self) {
        self.step = ItemStep::Done;
        self.lease = None;
        self.leader = None;
        self.held = None;
    }

    /// What was found and is of no use must not be found again.
    pub(super) fn missed(&mut self, reply: Option<&LookupReply>) {
        self.step = ItemStep::Flight;
        self.accept = reply.map(other_than);
    }
}
