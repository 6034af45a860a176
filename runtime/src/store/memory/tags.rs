//! When tags were invalidated: as in lua/shared/tags.lua, with one clock for all pairs.

use crate::key::digest::Digests;
use crate::key::tags::{Tag, TagIds};
use crate::store::tag_clock::{MOST_STAMPS, TagClock, TagStamp};
use crate::store::{TagEnd, TagView};

#[derive(Default)]
pub(super) struct MemoryTags {
    clock: TagClock,
    stamps: Digests<TagStamp>,
    /// The clock when the older half of the stamps had been made.
    middle: u64,
}

impl MemoryTags {
    /// What an entry with these tags is checked against, if its method may have any.
    pub(super) fn view(&self, tags: &TagIds) -> Option<TagView> {
        let stamps = tags.as_slice().iter();
        let stamps = stamps.map(|tag| self.stamps.get(tag).copied().unwrap_or_default());
        tags.are_declared()
            .then(|| TagView::new(tags, self.clock, stamps))
    }

    /// As `lua/op/end_tags.lua` does. Returns how many stamps were forgotten.
    pub(super) fn end(&mut self, tags: &[Tag], end: TagEnd) -> u64 {
        self.clock.now += 1;
        let now = self.clock.now;
        for tag in tags {
            let stamp = self.stamps.entry(tag.id).or_default();
            match end {
                TagEnd::Invalidate => stamp.invalidated = now,
                TagEnd::Expire => stamp.expired = now,
            }
        }
        if self.middle == 0 && self.stamps.len() >= MOST_STAMPS / 2 {
            self.middle = now;
        }
        let mut forgotten = 0;
        if self.stamps.len() > MOST_STAMPS {
            forgotten += self.forget(self.middle);
            // Those of the older half may have been renewed since.
            if self.stamps.len() > MOST_STAMPS / 4 * 3 {
                forgotten += self.forget(now);
            }
            self.middle = now;
        }
        forgotten
    }

    /// All tags are invalidated.
    pub(super) fn forget_all(&mut self) -> u64 {
        self.clock.now += 1;
        self.middle = 0;
        self.forget(self.clock.now)
    }

    fn forget(&mut self, until: u64) -> u64 {
        let before = self.stamps.len();
        let is_kept = |stamp: &TagStamp| stamp.invalidated.max(stamp.expired) > until;
        self.stamps.retain(|_, stamp| is_kept(stamp));
        self.clock.forgotten = self.clock.forgotten.max(until);
        (before - self.stamps.len()) as u64
    }
}
