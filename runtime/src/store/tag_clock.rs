//! What a pair knows of tags: a clock that each invalidation of a tag advances, and when each tag was invalidated.
//!
//! On a server they are values of the hash of leases; `lua/shared/tags.lua` says more.

use crate::key::tags::{Tag, TagId, TagIds};

/// So many tags a pair remembers. Of more, entries that began before the older half count as invalidated.
pub(crate) const MOST_STAMPS: usize = 10_000;

/// The clock of a pair. It counts, and shows no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TagClock {
    pub(crate) now: u64,
    /// All that began before this counts as invalidated: later stamps have been forgotten.
    pub(crate) forgotten: u64,
}

/// When a tag was invalidated; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TagStamp {
    pub(crate) invalidated: u64,
    /// Its entries have counted as stale since.
    pub(crate) expired: u64,
}

/// What a read found of tags: what an entry is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TagView {
    pub(crate) now: u64,
    /// What began before this is invalidated, and what began before that is stale.
    invalidated: u64,
    expired: u64,
    /// The tags that were asked for.
    of: TagIds,
}

/// Tags that are invalidated together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndedTags {
    /// Every one.
    All,
    Of(Vec<Tag>),
}

/// What becomes of the entries of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TagEnd {
    Invalidate,
    Expire,
}

impl TagClock {
    /// Where it is among the leases.
    pub(crate) const NAME: [u8; 9] = *b"c\0\0\0\0\0\0\0\0";

    /// As it is stored. What is not there, or too short, has never been advanced.
    pub(crate) fn of(bytes: Option<&[u8]>) -> Self {
        let [now, forgotten] = numbers(bytes);
        Self { now, forgotten }
    }
}

impl TagStamp {
    /// Where that of a tag is among the leases.
    pub(crate) fn name(tag: TagId) -> [u8; 9] {
        let mut name = [b't'; 9];
        name[1..].copy_from_slice(&tag.to_le_bytes());
        name
    }

    pub(crate) fn of(bytes: Option<&[u8]>) -> Self {
        let [invalidated, expired] = numbers(bytes);
        Self {
            invalidated,
            expired,
        }
    }
}

fn numbers(bytes: Option<&[u8]>) -> [u64; 2] {
    let Some(bytes) = bytes.and_then(|bytes| bytes.first_chunk::<16>()) else {
        return [0, 0];
    };
    let (halves, _) = bytes.as_chunks();
    [halves[0], halves[1]].map(u64::from_le_bytes)
}

impl TagView {
    /// With the stamp of each tag.
    pub(crate) fn new(
        of: &TagIds,
        clock: TagClock,
        stamps: impl IntoIterator<Item = TagStamp>,
    ) -> Self {
        let mut view = Self {
            now: clock.now,
            invalidated: clock.forgotten,
            expired: 0,
            of: of.clone(),
        };
        for stamp in stamps {
            view.invalidated = view.invalidated.max(stamp.invalidated);
            view.expired = view.expired.max(stamp.expired);
        }
        view
    }

    /// From what is stored of the clock, and of each tag.
    pub(crate) fn of<'b>(
        of: &TagIds,
        clock: Option<&[u8]>,
        stamps: impl IntoIterator<Item = Option<&'b [u8]>>,
    ) -> Self {
        let stamps = stamps.into_iter().map(TagStamp::of);
        Self::new(of, TagClock::of(clock), stamps)
    }

    /// Whether an entry of a computation that began then is invalidated.
    pub(crate) fn is_invalidated(&self, began: u64) -> bool {
        began < self.invalidated
    }

    pub(crate) fn is_expired(&self, began: u64) -> bool {
        began < self.expired
    }

    /// Whether it says something of these tags, too.
    pub(crate) fn covers(&self, mut tags: impl Iterator<Item = TagId>) -> bool {
        tags.all(|tag| self.of.as_slice().contains(&tag))
    }
}

impl TagEnd {
    pub(crate) fn is_expiry(self) -> bool {
        self == Self::Expire
    }
}
