//! A request: for each pair one `HMGET` of entries and one of its methods' epochs and its tags, and the clock.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use bytes::BytesMut;

use super::parser::ReplyGroup;
use crate::entry::header::{self, Epoch};
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::tags::{TagId, TagIds};
use crate::store::Pair;
use crate::store::TagView;
use crate::store::method_state::MethodState;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::redis::pipeline::resp::{array, bulk};
use crate::store::tag_clock::{TagClock, TagStamp};

/// Fields that are asked for together.
pub(super) const FIELDS: usize = 256;
/// Twice the fields, so that a search for a free slot is short.
const SLOTS: usize = 2 * FIELDS;

#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(super) groups: Vec<PairFields>,
}

/// The fields of one pair.
#[derive(Debug)]
pub(crate) struct PairFields {
    pub(super) pair: Arc<Pair>,
    /// Their methods, each by its own pair of the same keys. Mostly it is one.
    methods: Vec<Arc<Pair>>,
    /// The tags that callers ask for; `None` if no method of them has any.
    tags: Option<BTreeSet<TagId>>,
    fields: Vec<WantedField>,
    /// Where a field stands, plus one, by its first bytes: it is a digest already.
    slots: Vec<u16>,
}

#[derive(Debug)]
struct WantedField {
    field: Field,
    /// How many callers wait for it.
    callers: u64,
    method: usize,
}

/// What the server has for one pair: where the entries are, and the epochs of the methods.
#[derive(Debug)]
pub(crate) struct PairReply {
    pub(super) entries: Vec<Option<Range<usize>>>,
    pub(super) epochs: Vec<Option<Epoch>>,
    pub(super) tags: Option<TagReplies>,
}

/// Where the clock of tags is, and the stamps of those that have one.
#[derive(Debug)]
pub(super) struct TagReplies {
    clock: Option<Range<usize>>,
    stamps: HashMap<TagId, Range<usize>>,
}

impl PairReply {
    /// What the tags of a caller say of its entry.
    pub(super) fn tags(&self, tags: &TagIds, bytes: &[u8]) -> Option<TagView> {
        let TagReplies { clock, stamps } = self.tags.as_ref().filter(|_| tags.are_declared())?;
        let at = |range: &Range<usize>| &bytes[range.clone()];
        let each = tags.as_slice().iter();
        let each = each.map(|tag| stamps.get(tag).map(at));
        Some(TagView::of(tags, clock.as_ref().map(at), each))
    }
}

/// Where a caller finds its entry in the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyIndex {
    pub(super) group: usize,
    pub(super) entry: usize,
    pub(super) method: usize,
}

impl Request {
    /// How many different ones there are.
    pub(super) fn fields(&self) -> usize {
        self.groups.iter().map(|group| group.fields.len()).sum()
    }

    /// Adds a field, once.
    pub(super) fn add(&mut self, pair: &Arc<Pair>, field: Field, tags: &TagIds) -> ReplyIndex {
        let known = self.groups.iter().rposition(|group| group.is_of(pair));
        let group = known.unwrap_or_else(|| {
            self.groups.push(PairFields {
                pair: pair.clone(),
                methods: Vec::new(),
                tags: None,
                fields: Vec::new(),
                slots: Vec::new(),
            });
            self.groups.len() - 1
        });
        let method = self.groups[group].add_method(pair);
        self.groups[group].add_tags(tags);
        let entry = self.groups[group].add(field, method);
        ReplyIndex {
            group,
            entry,
            method,
        }
    }

    /// How many entries each group asks for, and how many epochs, stamps and clocks.
    pub(super) fn expected_lens(&self) -> Vec<usize> {
        let lens = |group: &PairFields| [group.fields.len(), group.states()];
        self.groups.iter().flat_map(lens).collect()
    }

    /// What the two replies for each pair say.
    pub(super) fn replies(
        &self,
        replies: Vec<ReplyGroup>,
        bytes: &[u8],
    ) -> Vec<Result<PairReply, Error>> {
        let mut replies = replies.into_iter();
        let mut pairs = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let (Some(entries), Some(states)) = (replies.next(), replies.next()) else {
                break;
            };
            pairs.push(entries.and_then(|entries| Ok(group.reply(entries, states?, bytes))));
        }
        pairs
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        for group in &self.groups {
            array(out, group.fields.len() + 2);
            bulk(out, b"HMGET");
            bulk(out, group.pair.values.as_bytes());
            for wanted in &group.fields {
                bulk(out, &wanted.field.0);
            }
            // After the entries: what is current then was current when they were read.
            array(out, group.states() + 2);
            bulk(out, b"HMGET");
            bulk(out, group.pair.leases.as_bytes());
            for method in &group.methods {
                bulk(out, &method.method_name());
            }
            if let Some(tags) = &group.tags {
                bulk(out, &TagClock::NAME);
                for tag in tags {
                    bulk(out, &TagStamp::name(*tag));
                }
            }
        }
        // The clock that expiry is compared with, in the same round trip, after all reads.
        out.extend_from_slice(b"*1\r\n$4\r\nTIME\r\n");
    }
}

impl PairFields {
    fn is_of(&self, pair: &Arc<Pair>) -> bool {
        Arc::ptr_eq(&self.pair, pair) || self.pair.stem == pair.stem
    }

    /// How many values of the control key are asked for.
    fn states(&self) -> usize {
        self.methods.len() + self.tags.as_ref().map_or(0, |tags| 1 + tags.len())
    }

    fn add_tags(&mut self, tags: &TagIds) {
        if tags.are_declared() {
            let known = self.tags.get_or_insert_default();
            known.extend(tags.as_slice());
        }
    }

    fn reply(
        &self,
        entries: Vec<Option<Range<usize>>>,
        states: Vec<Option<Range<usize>>>,
        bytes: &[u8],
    ) -> PairReply {
        let mut states = states.into_iter();
        let epoch = |state: Option<Range<usize>>| Some(MethodState::of(&bytes[state?])?.epoch());
        let epochs = states.by_ref().take(self.methods.len()).map(epoch);
        PairReply {
            entries,
            epochs: epochs.collect(),
            tags: self.tags.as_ref().map(|tags| TagReplies {
                clock: states.next().flatten(),
                stamps: tags
                    .iter()
                    .zip(states)
                    .filter_map(|(tag, stamp)| Some((*tag, stamp?)))
                    .collect(),
            }),
        }
    }

    fn add_method(&mut self, pair: &Arc<Pair>) -> usize {
        let mut known = self.methods.iter();
        let known = known.position(|known| known.method == pair.method);
        known.unwrap_or_else(|| {
            self.methods.push(pair.clone());
            self.methods.len() - 1
        })
    }

    fn add(&mut self, field: Field, method: usize) -> usize {
        let wanted = WantedField {
            field,
            callers: 1,
            method,
        };
        if self.fields.is_empty() {
            self.fields.push(wanted);
            return 0;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, 0);
            let first = self.slot(self.fields[0].field);
            self.slots[first] = 1;
        }
        let slot = self.slot(field);
        match self.slots[slot] {
            0 => {
                self.fields.push(wanted);
                self.slots[slot] = u16::try_from(self.fields.len()).unwrap_or(0);
                self.fields.len() - 1
            }
            known => {
                let entry = usize::from(known) - 1;
                self.fields[entry].callers += 1;
                entry
            }
        }
    }

    /// The slot of a field, or the free one that it would have.
    fn slot(&self, field: Field) -> usize {
        let mut slot = usize::from(u16::from_le_bytes([field.0[0], field.0[1]])) % SLOTS;
        loop {
            match self.slots[slot] {
                0 => return slot,
                known if self.fields[usize::from(known) - 1].field == field => return slot,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }

    pub(super) fn observe(&self, entries: &[Option<Range<usize>>], known: &LargeFields) {
        for (wanted, entry) in self.fields.iter().zip(entries) {
            known.observe(wanted.field, entry.as_ref().map_or(0, Range::len));
        }
    }

    pub(super) fn hits<'a>(
        &'a self,
        reply: &'a PairReply,
        bytes: &'a [u8],
        now_us: u64,
    ) -> Hits<'a> {
        Hits {
            fields: self.fields.iter(),
            entries: reply.entries.iter(),
            epochs: &reply.epochs,
            bytes,
            now_ms: now_us / 1000,
        }
    }
}

/// The fields whose entries are hits, each with the number of callers that read it.
pub(crate) struct Hits<'a> {
    fields: slice::Iter<'a, WantedField>,
    entries: slice::Iter<'a, Option<Range<usize>>>,
    epochs: &'a [Option<Epoch>],
    bytes: &'a [u8],
    now_ms: u64,
}

impl Iterator for Hits<'_> {
    type Item = (Field, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (wanted, entry) = (self.fields.next()?, self.entries.next()?);
            if let Some(range) = entry
                && let entry = &self.bytes[range.clone()]
                && header::is_of_epoch(entry, self.epochs[wanted.method])
                && header::is_alive(entry, self.now_ms)
            {
                return Some((wanted.field, wanted.callers));
            }
        }
    }
}
