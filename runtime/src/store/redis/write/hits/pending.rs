//! Hits that are not recorded yet, one record a field.
//!
//! Where a policy ranks by an instant or a count, most hits on an entry that is hit all the time would
//! not change its rank. They wait: for a significant one, for a put, or for a second.

#[cfg(test)]
pub(crate) mod tests;

use std::time::{Duration, Instant};

use crate::key::digest::{Field, Fields};
use crate::policy::Policy;

/// So many hits that are due are sent at once. A script gets at most so many of those that wait.
pub(super) const MOST: usize = 1000;
/// Instants that are sent together: reads that come meanwhile wait for no more than these.
const INSTANTS: usize = 200;
/// The same for counts, of which each is a command.
const COUNTS: usize = 50;
/// Hits that wait go along with puts once in this time.
const BETWEEN_PUTS: Duration = Duration::from_millis(100);
/// Fields that are remembered; past that all of them are sent and forgotten.
const REMEMBERED: usize = 8192;
/// The server knows an entry's last hit to such a part of the age of the entry that is evicted next,
const PART_OF_AGE: u64 = 64;
/// and in any case to a second.
const COARSEST_US: u64 = 1_000_000;
/// It knows an entry's hits to such a part of those that this process has sent.
const PART_OF_HITS: u64 = 4;

/// The hits of a pair.
#[derive(Debug, Default)]
pub(crate) struct PendingHits {
    by_field: Fields<HitRecord>,
    /// Fields whose hits are to be sent with the next flush.
    due: Vec<Field>,
    /// Fields that have hits, due or not, and some that no longer have any, or are forgotten.
    tracked: Vec<Field>,
    /// Hits that are being sent, a few at a time from the end.
    in_flight: Vec<(Field, FieldHits)>,
    /// Grows with each hit, so that the order of last hits is known.
    next: u64,
    /// The least time between two instants of a field that are sent, where the policy ranks by them.
    resolution_us: u64,
    last_us: u64,
    /// When those that wait went along with a put.
    waiting_taken: Option<Instant>,
    /// Whether a task will send them at the end of the interval.
    pub(super) is_scheduled: bool,
    /// Whether a task will move the end of the pair.
    pub(super) is_end_scheduled: bool,
    /// Whether a task sends those that wait each second.
    pub(super) is_swept: bool,
}

/// Hits on a field since they were last sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FieldHits {
    order: u64,
    pub(super) now_us: u64,
    pub(super) hits: u64,
}

#[derive(Debug, Default)]
struct HitRecord {
    hits: FieldHits,
    is_due: bool,
    is_tracked: bool,
    /// The instant of the last hit that was sent.
    sent_us: u64,
    /// How many hits were sent.
    sent: u64,
    /// No hit has come since a sweep.
    is_idle: bool,
}

/// Which hits a policy has to know at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Significance {
    /// Each of them, in their order.
    Each,
    Instant,
    Count,
}

impl Significance {
    pub(super) fn of(policy: &Policy) -> Self {
        match policy {
            Policy::LruT => Self::Instant,
            Policy::Lfu => Self::Count,
            _ => Self::Each,
        }
    }
}

impl PendingHits {
    pub(super) fn record(
        &mut self,
        significance: Significance,
        field: Field,
        now_us: u64,
        hits: u64,
    ) {
        self.next += 1;
        self.last_us = self.last_us.max(now_us);
        let record = self.by_field.entry(field).or_default();
        let since = &mut record.hits;
        since.order = self.next;
        since.now_us = since.now_us.max(now_us);
        since.hits += hits;
        record.is_idle = false;
        if !std::mem::replace(&mut record.is_tracked, true) {
            self.tracked.push(field);
        }
        let is_significant = match significance {
            Significance::Each => true,
            Significance::Instant => {
                since.now_us.saturating_sub(record.sent_us) >= self.resolution_us
            }
            Significance::Count => since.hits > record.sent / PART_OF_HITS,
        };
        if is_significant && !record.is_due {
            record.is_due = true;
            self.due.push(field);
        }
    }

    /// Records the instant of the entry that is evicted next: the older it is, the less precise instants
    /// need to be.
    pub(super) fn observe_oldest(&mut self, instant_us: u64) {
        let age_us = self.last_us.saturating_sub(instant_us);
        self.resolution_us = (age_us / PART_OF_AGE).min(COARSEST_US);
    }

    /// How many fields have hits that are to be sent.
    pub(super) fn due(&self) -> usize {
        self.due.len()
    }

    /// What goes along with a put into a large pair: also those that wait, unless they went along with a put just
    /// before. They would hardly change which entry is evicted, and each costs the server a quarter of a put.
    pub(super) fn take_for_put(
        &mut self,
        significance: Significance,
        now: Instant,
    ) -> Vec<(Field, FieldHits)> {
        let mut earlier = self.waiting_taken.iter();
        if earlier.any(|earlier| now.saturating_duration_since(*earlier) < BETWEEN_PUTS) {
            return self.take_due();
        }
        self.waiting_taken = Some(now);
        self.take(significance)
    }

    /// Takes out those that are due; the last hit comes last.
    fn take_due(&mut self) -> Vec<(Field, FieldHits)> {
        let mut taken = std::mem::take(&mut self.in_flight);
        let before = taken.len();
        let due = std::mem::take(&mut self.due);
        let hits = |field| Some((field, self.by_field.get_mut(&field)?.take()?));
        taken.extend(due.into_iter().filter_map(hits));
        taken[before..].sort_unstable_by_key(|(_, hits)| hits.order);
        taken
    }

    /// Takes hits out, also those that wait; the last hit comes last. If more wait than a script gets,
    /// the rest is due.
    pub(super) fn take(&mut self, significance: Significance) -> Vec<(Field, FieldHits)> {
        let mut taken = std::mem::take(&mut self.in_flight);
        let before = taken.len();
        let due = std::mem::take(&mut self.due);
        let hits = |field| Some((field, self.by_field.get_mut(&field)?.take()?));
        taken.extend(due.into_iter().filter_map(hits));
        let mut room = MOST;
        for field in std::mem::take(&mut self.tracked) {
            let Some(record) = self.by_field.get_mut(&field) else {
                continue;
            };
            record.is_tracked = false;
            if record.hits.hits == 0 {
                continue;
            }
            if room > 0 {
                room -= 1;
                taken.extend(record.take().map(|hits| (field, hits)));
            } else {
                record.is_tracked = true;
                record.is_due = true;
                self.tracked.push(field);
                self.due.push(field);
            }
        }
        taken[before..].sort_unstable_by_key(|(_, hits)| hits.order);
        self.forget(significance);
        taken
    }

    /// The field has a new entry.
    pub(super) fn reset(&mut self, field: Field) {
        if let Some(record) = self.by_field.get_mut(&field) {
            (record.sent, record.sent_us) = (0, 0);
        }
    }

    /// Starts to send what is due, in steps. Returns how many hits were dropped because earlier ones
    /// have not been sent.
    pub(super) fn start_sending(&mut self, significance: Significance) -> u64 {
        let is_stuck = self.in_flight.len() >= MOST;
        let mut dropped = 0;
        for field in self.due.drain(..) {
            let record = self.by_field.get_mut(&field);
            let Some(hits) = record.and_then(HitRecord::take) else {
                continue;
            };
            if is_stuck {
                dropped += 1;
            } else {
                self.in_flight.push((field, hits));
            }
        }
        if self.by_field.len() > REMEMBERED && !is_stuck {
            self.tracked.clear();
            let rest = self.by_field.drain();
            let rest = rest.filter_map(|(field, mut record)| Some((field, record.take()?)));
            self.in_flight.extend(rest);
        }
        self.forget(significance);
        dropped
    }

    /// The next few to be sent.
    pub(super) fn step(&mut self, significance: Significance) -> Vec<(Field, FieldHits)> {
        let most = match significance {
            Significance::Count => COUNTS,
            Significance::Each | Significance::Instant => INSTANTS,
        };
        let rest = self.in_flight.len().saturating_sub(most);
        self.in_flight.split_off(rest)
    }

    /// Drops the hits that are left to be sent in steps, and returns how many.
    pub(super) fn drop_rest(&mut self) -> u64 {
        std::mem::take(&mut self.in_flight).len() as u64
    }

    /// Makes all hits that wait due, and forgets fields that have not been hit for a while. `false` once
    /// there are none left.
    pub(super) fn sweep(&mut self) -> bool {
        // From scratch: without puts, forgotten fields would stay in it.
        self.tracked.clear();
        let (due, tracked) = (&mut self.due, &mut self.tracked);
        self.by_field.retain(|field, record| {
            record.is_tracked = record.hits.hits > 0;
            if !record.is_tracked {
                return !std::mem::replace(&mut record.is_idle, true);
            }
            tracked.push(*field);
            if !std::mem::replace(&mut record.is_due, true) {
                due.push(*field);
            }
            true
        });
        let is_used = !self.by_field.is_empty();
        if !is_used {
            self.by_field.shrink_to_fit();
            self.tracked.shrink_to_fit();
        }
        self.is_swept = is_used;
        is_used
    }

    /// Where each hit is significant, what was sent need not be known.
    fn forget(&mut self, significance: Significance) {
        if significance == Significance::Each {
            self.by_field.clear();
            self.tracked.clear();
        }
    }
}

impl HitRecord {
    fn take(&mut self) -> Option<FieldHits> {
        self.is_due = false;
        let hits = std::mem::take(&mut self.hits);
        if hits.hits == 0 {
            return None;
        }
        self.sent_us = self.sent_us.max(hits.now_us);
        self.sent = self.sent.saturating_add(hits.hits);
        Some(hits)
    }
}

/// Hits as the arguments of a script.
pub(super) fn args_of(hits: Vec<(Field, FieldHits)>) -> impl Iterator<Item = Vec<u8>> {
    hits.into_iter().flat_map(|(field, hits)| {
        [
            field.0.to_vec(),
            hits.now_us.to_string().into_bytes(),
            hits.hits.to_string().into_bytes(),
        ]
    })
}
