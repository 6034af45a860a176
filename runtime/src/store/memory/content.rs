//! All pairs of one cache in this process, with their leases.

use std::collections::BTreeMap;

use super::methods::MethodStates;
use super::pair::MemoryPair;
use super::tags::MemoryTags;
use crate::entry::header::{self, Epoch};
use crate::key::digest::{Build, Field, Fields};
use crate::key::tags::TagIds;
use crate::store::sweep::SweepSchedule;
use crate::store::{LookupReply, Pair, Put, RawEntry, Token};

#[derive(Default)]
pub(super) struct Content {
    pub(super) pairs: BTreeMap<String, MemoryPair>,
    /// The tokens that may store, by the stem of the pair. In one process no call waits for a lease:
    /// it would have joined the call that holds it.
    pub(super) leases: BTreeMap<String, Fields<MemoryLease>>,
    /// By the stem of the pair, as the leases.
    pub(super) methods: BTreeMap<String, MethodStates>,
    /// Of all pairs.
    pub(super) tags: MemoryTags,
    /// They outlive their pairs, as a client of a server does.
    pub(super) sweeps: BTreeMap<String, SweepSchedule>,
}

#[derive(Clone, Copy)]
pub(super) struct MemoryLease {
    pub(super) token: Token,
    /// The method that computes, and its epoch when that began.
    pub(super) method: u64,
    pub(super) epoch: Epoch,
}

/// An instant, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// It never goes back: for the lifetimes of pairs.
    pub(super) own_us: u64,
    /// For entries and scores: a test may force it.
    pub(super) us: u64,
}

impl Content {
    /// A lookup that records the hit.
    pub(super) fn lookup(
        &mut self,
        now: Now,
        pair: &Pair,
        field: Field,
        tags: &TagIds,
    ) -> LookupReply {
        let epoch = self.epoch(pair);
        let tags = self.tags.view(tags);
        let live = self.pairs.get_mut(&pair.stem).and_then(|memory| {
            let entry = memory.values.get(&field)?.clone();
            let is_hit =
                header::is_of_epoch(&entry, epoch) && header::is_alive(&entry, now.us / 1000);
            is_hit.then(|| {
                memory.ranking.hit(field, now.us);
                memory.keep_alive(pair.structure, 0, now.own_us, true);
                entry
            })
        });
        LookupReply::new(now.us, epoch, live.map(RawEntry::Own)).with_tags(tags)
    }

    /// The same for a caller that tells what has expired from what was never there.
    pub(super) fn read(
        &mut self,
        now: Now,
        pair: &Pair,
        field: Field,
        tags: &TagIds,
    ) -> LookupReply {
        let mut reply = self.lookup(now, pair, field, tags);
        if reply.entry.is_none() {
            let memory = self.pairs.get(&pair.stem);
            let entry = memory.and_then(|memory| memory.values.get(&field));
            let current = entry.filter(|entry| header::is_of_epoch(entry, reply.epoch));
            reply.entry = current.cloned().map(RawEntry::Own);
        }
        reply
    }

    /// Of the pair's method.
    pub(super) fn epoch(&self, pair: &Pair) -> Option<Epoch> {
        self.methods.get(&pair.stem)?.epoch(pair.method)
    }

    /// The token that may store.
    pub(super) fn lease(&self, stem: &str, field: Field) -> Option<Token> {
        let lease = self.leases.get(stem)?.get(&field)?;
        let epoch = self.methods.get(stem)?.epoch(lease.method);
        (epoch == Some(lease.epoch)).then_some(lease.token)
    }

    /// Has invalidations reach what this build of the pair's method stores, and returns the epoch.
    pub(super) fn register(&mut self, pair: &Pair, build: Build) -> Epoch {
        let methods = self.methods.entry(pair.stem.clone()).or_default();
        if let Some(epoch) = methods.register(pair.method, build) {
            return epoch;
        }
        self.begin_epoch(pair);
        self.register(pair, build)
    }

    /// No entry of the pair's method is current any more, and no computation stores one.
    pub(super) fn begin_epoch(&mut self, pair: &Pair) {
        if let Some(leases) = self.leases.get_mut(&pair.stem) {
            leases.retain(|_, lease| lease.method != pair.method);
        }
        if let Some(methods) = self.methods.get_mut(&pair.stem) {
            methods.begin_epoch(pair.method);
        }
    }

    pub(super) fn end_lease(&mut self, stem: &str, field: Field) {
        if let Some(leases) = self.leases.get_mut(stem) {
            leases.remove(&field);
        }
    }

    /// Ends the leases that puts were made under, also of those that a tag has overtaken, and of what is stored without.
    pub(super) fn end_leases_of(&mut self, stem: &str, puts: &[&Put]) {
        for put in puts {
            if put.token.is_none() || put.token == self.lease(stem, put.field) {
                self.end_lease(stem, put.field);
            }
        }
    }

    /// As a server does with keys of no elements.
    pub(super) fn forget_if_empty(&mut self, stem: &str) {
        let memory = self.pairs.get(stem);
        if memory.is_some_and(|memory| memory.values.is_empty()) {
            self.pairs.remove(stem);
        }
    }
}
