//! Looking the entries of a batch up, and what is made of bytes that were found.

use futures_util::future::join_all;

use super::super::acquire::FoundEntry;
use super::super::encoding;
use super::super::lookup::{FoundBytes, ServedEntry, Source};
use super::attempt::BatchAttempt;
use super::item::ItemStep;
use crate::stats::Event;
use crate::stats::outcome::{Miss, Outcome};
use crate::store::LookupReply;

/// Entries that one request asks for.
const FIELDS_AT_ONCE: usize = 256;

impl BatchAttempt<'_> {
    /// Looks up all that were not looked up yet. Returns the entries that may be served.
    pub(super) async fn look_up(&mut self) -> Vec<(usize, FoundBytes)> {
        self.skip_lookups();
        let asked = self.at(ItemStep::Lookup);
        let is_first = |&&index: &&usize| self.items[index].recheck.is_none();
        self.count(Event::read, asked.iter().filter(is_first).count());
        let wanted: Vec<_> = asked
            .iter()
            .map(|&index| {
                let tags = self.items[index].recheck.clone();
                let call = self.call(index);
                call.wanted_with(tags.unwrap_or_else(|| call.tags.clone()))
            })
            .collect();
        let timeout = self.deadline.start();
        let (store, pair) = (self.engine.store(), &self.method.pair);
        let requests = wanted.chunks(FIELDS_AT_ONCE);
        let requests = requests.map(|wanted| store.get_many(pair, wanted, timeout.at_most));
        let answers = join_all(requests).await;
        let took = self.deadline.stop();
        let mut found = Vec::new();
        for (asked, answer) in asked.chunks(FIELDS_AT_ONCE).zip(answers) {
            match answer {
                Ok(replies) => {
                    let each = asked.iter().zip(replies);
                    found.extend(each.filter_map(|(&index, reply)| {
                        self.items[index].seen = reply.view(took);
                        self.items[index].seen_tags.clone_from(&reply.tags);
                        self.looked_up(index, reply)
                    }));
                }
                Err(error) => {
                    self.call(asked[0]).failed(&error);
                    for &index in asked {
                        self.miss(index, None, Miss::Unavailable);
                    }
                }
            }
        }
        found
    }

    /// What is to be invalidated is not read.
    fn skip_lookups(&mut self) {
        for index in self.at(ItemStep::Lookup) {
            if self.call(index).is_queued_for_invalidation() {
                self.items[index].is_unread = true;
                self.miss(index, None, Miss::Unavailable);
            }
        }
    }

    fn looked_up(&mut self, index: usize, reply: LookupReply) -> Option<(usize, FoundBytes)> {
        if self.items[index].recheck.is_none()
            && let Some(tags) = self.call(index).unchecked_tags(&reply)
        {
            // It is looked up again in the next round.
            self.items[index].recheck = Some(tags);
            return None;
        }
        let opened = self.call(index).open_item(&reply);
        // What is past its soft expiry is computed together with what is missing.
        let opened = opened.filter(|(_, age)| !(self.mode.write && age.is_soft_past()));
        let Some((opened, age)) = opened else {
            let why = self.call(index).why_missed(&reply);
            self.miss(index, Some(&reply), why);
            return None;
        };
        self.items[index].step = ItemStep::Done;
        let source = Source::Lookup(reply, ServedEntry::new(&age, &self.method.freshness));
        Some((index, FoundBytes { source, opened }))
    }

    fn miss(&mut self, index: usize, reply: Option<&LookupReply>, why: Miss) {
        self.count(Event::miss, 1);
        if let Some(event) = why.event() {
            self.count(event, 1);
        }
        self.items[index].record.miss = Some(why);
        self.items[index].missed(reply);
    }

    /// Bytes that were found are the answer, or cannot be read.
    pub(crate) fn settle(&mut self, index: usize, found: FoundBytes, is_readable: bool) {
        match found.source {
            Source::Lookup(_, served) if is_readable => {
                self.engine.count_hit(&self.method, served.cost_us);
                let is_stale = served.is_stale();
                self.count(Event::stale, usize::from(is_stale));
                self.has_answer(
                    index,
                    if is_stale {
                        Outcome::Stale
                    } else {
                        Outcome::Hit
                    },
                );
            }
            Source::Lookup(reply, _) => {
                self.call(index).discard_unreadable(reply.entry.as_deref());
                self.miss(index, Some(&reply), Miss::Unreadable);
            }
            Source::Flight(_) if is_readable => {
                self.count(Event::coalesced, 1);
                self.has_answer(index, Outcome::Coalesced);
            }
            Source::Flight(_) => self.items[index].step = ItemStep::Due,
            Source::Lease(found) if is_readable => self.publish_found(index, &found),
            Source::Lease(found) => {
                let entry = found.reply.entry.as_deref();
                self.call(index).discard_unreadable(entry);
                self.items[index].ask_for_another();
            }
        }
    }

    fn has_answer(&mut self, index: usize, outcome: Outcome) {
        self.items[index].record.answered(outcome);
        self.items[index].end();
    }

    /// Gives what was found to the followers that had joined before the store was asked for it.
    fn publish_found(&mut self, index: usize, found: &FoundEntry) {
        let item = &mut self.items[index];
        if let Some(joined) = found.joined
            && item.is_followed_before(joined)
            && let Some(value) = found.reply.entry.as_deref().and_then(encoding::shared_of)
            && let Some(leader) = &mut item.leader
        {
            leader.publish(value, joined);
        }
        let waited = found.has_waited;
        self.has_answer(
            index,
            if waited {
                Outcome::Coalesced
            } else {
                Outcome::Hit
            },
        );
        for event in [Event::read, Event::hit] {
            self.count(event, 1);
        }
        self.count(Event::coalesced, usize::from(found.has_waited));
    }
}
