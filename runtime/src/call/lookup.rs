//! Before the method runs: look the entry up, join the flight, acquire the lease.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::acquire::{FoundEntry, LeaseOrEntry};
use super::attempt::{Attempt, KeyedCall, Step};
use super::encoding;
use crate::engine::scope;
use crate::engine::single_flight::{EncodedValue, FlightRole, FollowerOutcome};
use crate::entry::header::{self, Age};
use crate::error::Error;
use crate::method::freshness::{Freshness, NeedsRefresh};
use crate::settings::Stampede;
use crate::stats::Event;
use crate::stats::outcome::{Miss, Outcome};
use crate::store::{AcceptEntry, LookupReply, PendingRead};

/// Bytes that may be the answer of a call: those of an entry that may be served, or of another call.
pub(crate) struct FoundBytes {
    pub(super) source: Source,
    /// The payload, where it was sealed or compressed.
    pub(super) opened: Option<Vec<u8>>,
}

pub(super) enum Source {
    Lookup(LookupReply, ServedEntry),
    Flight(Arc<EncodedValue>),
    Lease(FoundEntry),
}

/// What is counted of an entry that is served. Of its age no more is kept, as a hit moves it about.
pub(super) struct ServedEntry {
    pub(super) cost_us: u32,
    needs_refresh: Option<NeedsRefresh>,
}

impl ServedEntry {
    #[inline]
    pub(super) fn new(age: &Age, freshness: &Freshness) -> Self {
        Self {
            cost_us: age.cost_us,
            needs_refresh: freshness.needs_refresh(age),
        }
    }

    /// Whether it is past its soft expiry.
    pub(super) fn is_stale(&self) -> bool {
        let needs = self.needs_refresh.as_ref();
        needs.is_some_and(|needs| needs.is_stale)
    }
}

impl FoundBytes {
    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        match (&self.opened, &self.source) {
            (Some(opened), _) => opened,
            (None, Source::Lookup(reply, _) | Source::Lease(FoundEntry { reply, .. })) => {
                reply.entry.as_deref().map_or(&[], header::payload)
            }
            (None, Source::Flight(shared)) => &shared.payload,
        }
    }

    /// Whether it is what is stored of an error.
    #[inline]
    pub(crate) fn is_error(&self) -> bool {
        match &self.source {
            Source::Lookup(reply, _) | Source::Lease(FoundEntry { reply, .. }) => {
                reply.entry.as_deref().is_some_and(header::is_error)
            }
            Source::Flight(shared) => encoding::is_error(shared),
        }
    }
}

/// On the way to bytes. A future without `async`: what an `async fn` does is compiled in every crate that polls
/// it, and this in ours.
pub(crate) enum Find<'s> {
    Lookup(PendingRead<'s>),
    /// In a box, for most calls never need the room.
    AfterMiss(BoxFuture<'s, Option<FoundBytes>>),
    Nowhere,
}

pub(crate) enum FindReply {
    Lookup(Result<LookupReply, Error>),
    AfterMiss(Option<FoundBytes>),
}

impl Future for Find<'_> {
    type Output = Option<FindReply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FindReply>> {
        let reply = match &mut *self {
            Self::Lookup(read) => Pin::new(read).poll(context).map(FindReply::Lookup),
            Self::AfterMiss(found) => found.as_mut().poll(context).map(FindReply::AfterMiss),
            Self::Nowhere => return Poll::Ready(None),
        };
        reply.map(Some)
    }
}

impl Attempt<'_> {
    /// Goes to where there may be an answer: nowhere, once the method is to be run.
    pub(crate) fn find(&mut self) -> Find<'_> {
        match self.step {
            Step::Lookup => {
                self.step = Step::Flight;
                if self.call.is_queued_for_invalidation() {
                    self.skip_lookup();
                    return Find::AfterMiss(Box::pin(self.find_after_miss()));
                }
                Find::Lookup(self.lookup())
            }
            Step::Recheck => {
                self.step = Step::Flight;
                Find::Lookup(self.look_up_again())
            }
            Step::Flight | Step::Lease | Step::Bulkhead => {
                Find::AfterMiss(Box::pin(self.find_after_miss()))
            }
            Step::Execution => Find::Nowhere,
        }
    }

    /// The bytes that were found, if they are of use.
    pub(crate) fn open(&mut self, reply: FindReply) -> Option<FoundBytes> {
        let reply = match reply {
            FindReply::AfterMiss(found) => return found,
            FindReply::Lookup(Ok(reply)) => reply,
            FindReply::Lookup(Err(error)) => {
                self.call.failed(&error);
                self.miss(None, Miss::Unavailable);
                return None;
            }
        };
        if self.recheck.is_none()
            && let Some(tags) = self.call.unchecked_tags(&reply)
        {
            self.deadline.stop();
            self.recheck = Some(tags);
            self.step = Step::Recheck;
            return None;
        }
        let Some((opened, age)) = self.call.open_entry(&reply) else {
            self.miss(Some(&reply), self.call.why_missed(&reply));
            return None;
        };
        let served = ServedEntry::new(&age, &self.call.method.freshness);
        Some(FoundBytes {
            source: Source::Lookup(reply, served),
            opened,
        })
    }

    /// Joins the calls that miss the same entry, and leads if there are none.
    async fn find_after_miss(&mut self) -> Option<FoundBytes> {
        if self.step == Step::Flight {
            self.step = Step::Lease;
            match self.join_flight().await {
                Joining::Leads => {}
                Joining::Alone => self.step = Step::Bulkhead,
                Joining::Follows(shared) => {
                    self.step = Step::Bulkhead;
                    if let Ok(opened) = self.call.open_shared(&shared) {
                        return Some(FoundBytes {
                            source: Source::Flight(shared),
                            opened,
                        });
                    }
                }
            }
        }
        while self.step == Step::Lease {
            let Some(mut found) = self.lead().await else {
                break;
            };
            self.check_again(&mut found.reply).await;
            if let Some((opened, _)) = self.call.open_entry(&found.reply) {
                return Some(FoundBytes {
                    source: Source::Lease(found),
                    opened,
                });
            }
            self.accept = Some(AcceptEntry::Never);
        }
        self.begin_execution().await;
        self.step = Step::Execution;
        None
    }

    /// Bytes that were found are the answer, or cannot be read.
    pub(crate) fn settle(&mut self, found: FoundBytes, is_readable: bool) {
        match found.source {
            Source::Lookup(_, served) if is_readable => {
                self.hit(served.cost_us);
                self.needs_refresh = served.needs_refresh.filter(|_| self.mode.write);
            }
            source => self.settle_after_miss(source, is_readable),
        }
    }

    #[cold]
    fn settle_after_miss(&mut self, source: Source, is_readable: bool) {
        match source {
            Source::Lookup(reply, _) => {
                self.call.discard_unreadable(reply.entry.as_deref());
                self.miss(Some(&reply), Miss::Unreadable);
            }
            Source::Flight(_) if is_readable => {
                self.call.count(Event::coalesced, 1);
                self.record.answered(Outcome::Coalesced);
            }
            Source::Flight(_) => {}
            Source::Lease(found) if is_readable => self.publish_found(&found),
            Source::Lease(found) => {
                self.call.discard_unreadable(found.reply.entry.as_deref());
                self.accept = Some(AcceptEntry::Never);
            }
        }
    }

    fn lookup(&mut self) -> PendingRead<'_> {
        self.call.count(Event::read, 1);
        let timeout = self.deadline.start();
        let KeyedCall {
            engine,
            method,
            key,
            tags,
            ..
        } = &self.call;
        engine
            .any_store()
            .read(&method.pair, key.field, tags, timeout)
    }

    /// With the tags of the value that was found.
    fn look_up_again(&mut self) -> PendingRead<'_> {
        let timeout = self.deadline.start();
        let KeyedCall {
            engine,
            method,
            key,
            tags,
            ..
        } = &self.call;
        let tags = self.recheck.as_ref().unwrap_or(tags);
        engine
            .any_store()
            .read(&method.pair, key.field, tags, timeout)
    }

    /// The same for an entry that another process has stored meanwhile.
    async fn check_again(&mut self, found: &mut LookupReply) {
        let call = &self.call;
        if let Some(tags) = call.unchecked_tags(found) {
            let (pair, wanted) = (&call.method.pair, call.wanted_with(tags));
            let again = self
                .deadline
                .spend(|left| call.store().get(pair, wanted, left));
            if let Ok(again) = again.await {
                *found = again;
            }
        }
    }

    /// The store cannot be reached, or holds what is to be invalidated.
    #[cold]
    fn skip_lookup(&mut self) {
        self.is_unread = true;
        self.miss(None, Miss::Unavailable);
    }

    #[inline]
    fn hit(&mut self, cost_us: u32) {
        self.record.answered(Outcome::Hit);
        let KeyedCall { engine, method, .. } = &self.call;
        if engine.count_hit(method, cost_us) {
            let took = self.deadline.stop();
            method.hit_times.record(took);
            method.metrics.record_hit(took);
        }
    }

    /// What was found and is of no use must not be found again.
    fn miss(&mut self, reply: Option<&LookupReply>, why: Miss) {
        let took = self.deadline.stop();
        self.call.count(Event::miss, 1);
        self.record.miss = Some(why);
        if let Some(event) = why.event() {
            self.call.count(event, 1);
        }
        self.seen = reply.and_then(|reply| reply.view(took));
        self.seen_tags = reply.and_then(|reply| reply.tags.clone());
        self.accept = reply.map(other_than);
    }

    async fn join_flight(&mut self) -> Joining {
        let (engine, field) = (self.call.engine, self.call.key.field);
        // A call from inside this very execution would wait for itself.
        if !self.mode.write || scope::is_executing(engine.id(), field) {
            return Joining::Alone;
        }
        if self.call.method.freshness.stampede == Stampede::Off {
            return Joining::Leads;
        }
        let follower_timeout = self.call.method.follower_timeout();
        let method = self.call.method.pair.method;
        let outcome = match engine.flights().join(field, method, follower_timeout) {
            FlightRole::Leader(leader) => Ok(FollowerOutcome::Promoted(leader)),
            FlightRole::Follower(outcome) => {
                let _waits = self.call.method.metrics.begin_wait();
                outcome.await
            }
        };
        match outcome {
            Ok(FollowerOutcome::Promoted(leader)) => {
                self.leader = Some(leader);
                Joining::Leads
            }
            Ok(FollowerOutcome::Value(value)) => Joining::Follows(value),
            Err(_) => Joining::Alone,
        }
    }

    /// Acquires the lease, unless the store is failing. Returns the entry that another process may
    /// have stored meanwhile.
    async fn lead(&mut self) -> Option<FoundEntry> {
        let accept = self.accept?;
        let on_held = self.call.on_held(self.mode);
        match self.acquire_lease(on_held, accept).await {
            Ok(LeaseOrEntry::Lease(lease)) => self.lease = Some(lease),
            Ok(LeaseOrEntry::Entry(found)) => return Some(found),
            Ok(LeaseOrEntry::HeldElsewhere) => {}
            Err(error) => {
                self.call.failed(&error);
                self.accept = None;
            }
        }
        None
    }

    /// Gives what was found to the followers that had joined before the store was asked for it.
    fn publish_found(&mut self, found: &FoundEntry) {
        if let (Some(leader), Some(joined)) = (&mut self.leader, found.joined)
            && leader.has_followers_before(joined)
            && let Some(value) = found.reply.entry.as_deref().and_then(encoding::shared_of)
        {
            leader.publish(value, joined);
        }
        for event in [Event::read, Event::hit] {
            self.call.count(event, 1);
        }
        self.call
            .count(Event::coalesced, u64::from(found.has_waited));
        self.record.answered(if found.has_waited {
            Outcome::Coalesced
        } else {
            Outcome::Hit
        });
    }
}

/// The entries that would do after one was found that is of no use.
pub(super) fn other_than(reply: &LookupReply) -> AcceptEntry {
    match reply.entry.as_deref() {
        None => AcceptEntry::Any,
        Some(entry) => match entry.get(8..16).map(<[u8; 8]>::try_from) {
            Some(Ok(instant)) => AcceptEntry::NotCreatedAt(instant),
            _ => AcceptEntry::Never,
        },
    }
}

/// How a call goes on after it has joined a flight.
enum Joining {
    Leads,
    Follows(Arc<EncodedValue>),
    /// It runs its method for itself.
    Alone,
}
