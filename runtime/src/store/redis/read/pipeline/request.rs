//! A request: one `HMGET` for each pair, and the clock.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use bytes::BytesMut;

use crate::entry::header;
use crate::key::digest::Field;
use crate::store::Pair;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::redis::pipeline::resp::{array, bulk};

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
    /// And how many callers wait for each.
    fields: Vec<(Field, u64)>,
    /// Where a field stands, plus one, by its first bytes: it is a digest already.
    slots: Vec<u16>,
}

/// Where a caller finds its entry in the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyIndex {
    pub(super) group: usize,
    pub(super) entry: usize,
}

impl Request {
    /// How many different ones there are.
    pub(super) fn fields(&self) -> usize {
        self.groups.iter().map(|group| group.fields.len()).sum()
    }

    /// Adds a field, once.
    pub(super) fn add(&mut self, pair: &Arc<Pair>, field: Field) -> ReplyIndex {
        let known = self.groups.iter().rposition(|group| group.is_of(pair));
        let group = known.unwrap_or_else(|| {
            self.groups.push(PairFields {
                pair: pair.clone(),
                fields: Vec::new(),
                slots: Vec::new(),
            });
            self.groups.len() - 1
        });
        let entry = self.groups[group].add(field);
        ReplyIndex { group, entry }
    }

    /// How many entries each group asks for.
    pub(super) fn expected_lens(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.fields.len()).collect()
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        for group in &self.groups {
            array(out, group.fields.len() + 2);
            bulk(out, b"HMGET");
            bulk(out, group.pair.values.as_bytes());
            for (field, _) in &group.fields {
                bulk(out, &field.0);
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

    fn add(&mut self, field: Field) -> usize {
        if self.fields.is_empty() {
            self.fields.push((field, 1));
            return 0;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, 0);
            let first = self.slot(self.fields[0].0);
            self.slots[first] = 1;
        }
        let slot = self.slot(field);
        match self.slots[slot] {
            0 => {
                self.fields.push((field, 1));
                self.slots[slot] = u16::try_from(self.fields.len()).unwrap_or(0);
                self.fields.len() - 1
            }
            known => {
                let entry = usize::from(known) - 1;
                self.fields[entry].1 += 1;
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
                known if self.fields[usize::from(known) - 1].0 == field => return slot,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }

    pub(super) fn observe(&self, entries: &[Option<Range<usize>>], known: &LargeFields) {
        for ((field, _), entry) in self.fields.iter().zip(entries) {
            known.observe(*field, entry.as_ref().map_or(0, Range::len));
        }
    }

    pub(super) fn hits<'a>(
        &'a self,
        entries: &'a [Option<Range<usize>>],
        bytes: &'a [u8],
        now_us: u64,
    ) -> Hits<'a> {
        Hits {
            fields: self.fields.iter(),
            entries: entries.iter(),
            bytes,
            now_ms: now_us / 1000,
        }
    }
}

/// The fields whose entries are hits, each with the number of callers that read it.
pub(crate) struct Hits<'a> {
    fields: slice::Iter<'a, (Field, u64)>,
    entries: slice::Iter<'a, Option<Range<usize>>>,
    bytes: &'a [u8],
    now_ms: u64,
}

impl Iterator for Hits<'_> {
    type Item = (Field, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (hits, entry) = (self.fields.next()?, self.entries.next()?);
            if let Some(range) = entry
                && header::is_alive(&self.bytes[range.clone()], self.now_ms)
            {
                return Some(*hits);
            }
        }
    }
}
