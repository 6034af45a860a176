//! All pairs of one cache in this process, with their leases.

use std::collections::BTreeMap;

use super::pair::MemoryPair;
use crate::entry::header;
use crate::key::digest::{Field, Fields};
use crate::store::sweep::SweepSchedule;
use crate::store::{LookupReply, Pair, RawEntry, Token};

#[derive(Default)]
pub(super) struct Content {
    pub(super) pairs: BTreeMap<String, MemoryPair>,
    /// The tokens that may store, by the stem of the pair. In one process no call waits for a lease:
    /// it would have joined the call that holds it.
    pub(super) leases: BTreeMap<String, Fields<MemoryLease>>,
    /// They outlive their pairs, as a client of a server does.
    pub(super) sweeps: BTreeMap<String, SweepSchedule>,
}

#[derive(Clone, Copy)]
pub(super) struct MemoryLease {
    pub(super) token: Token,
    /// Of the method that computes.
    pub(super) tag: u64,
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
    pub(super) fn lookup(&mut self, now: Now, pair: &Pair, field: Field) -> LookupReply {
        let live = self.pairs.get_mut(&pair.stem).and_then(|memory| {
            let entry = memory.values.get(&field)?.clone();
            header::is_alive(&entry, now.us / 1000).then(|| {
                memory.ranking.hit(field, now.us);
                memory.keep_alive(pair.structure, 0, now.own_us, true);
                entry
            })
        });
        LookupReply {
            now_us: now.us,
            entry: live.map(RawEntry::Own),
            pair_ms: None,
        }
    }

    /// The token that may store.
    pub(super) fn lease(&self, stem: &str, field: Field) -> Option<Token> {
        Some(self.leases.get(stem)?.get(&field)?.token)
    }

    pub(super) fn end_lease(&mut self, stem: &str, field: Field) {
        if let Some(leases) = self.leases.get_mut(stem) {
            leases.remove(&field);
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
