//! Before the method runs: look the entry up, join the flight, acquire the lease.

use std::sync::Arc;

use super::acquire::{FoundEntry, LeaseOrEntry};
use super::attempt::Attempt;
use super::encoding;
use crate::engine::scope;
use crate::engine::single_flight::{EncodedValue, FlightRole, FollowerOutcome};
use crate::method::freshness::NeedsRefresh;
use crate::method::return_type::Value;
use crate::settings::Stampede;
use crate::stats::Event;
use crate::store::{AcceptEntry, LookupReply, OnHeldLease};

/// What is to be done for a call.
pub(crate) enum Answer<T> {
    Value(T),
    /// It may be served, and is to be refreshed in the background.
    Refreshable(T, NeedsRefresh),
    Execute,
}

impl Attempt<'_> {
    /// The stored value, or that of another call; else the method is to be executed.
    pub(crate) async fn answer<T: Value>(&mut self) -> Answer<T> {
        if self.mode.read {
            let reply = self.lookup().await;
            if let Some((value, age)) = reply.as_ref().and_then(|reply| self.call.read(reply)) {
                self.call.count(Event::hit, 1);
                return match self.call.method.freshness.needs_refresh(&age) {
                    Some(needs) if self.mode.write => Answer::Refreshable(value, needs),
                    _ => Answer::Value(value),
                };
            }
            self.miss(reply);
        }
        // In a box, for most calls never need the room.
        Box::pin(self.answer_after_miss()).await
    }

    /// Joins the calls that miss the same entry, and leads if there are none.
    async fn answer_after_miss<T: Value>(&mut self) -> Answer<T> {
        if self.mode.read {
            match self.join_flight().await {
                Joining::Leads => {}
                Joining::Alone => return Answer::Execute,
                Joining::Follows(value) => {
                    let Some(value) = self.call.read_shared(&value) else {
                        return Answer::Execute;
                    };
                    self.call.count(Event::coalesced, 1);
                    return Answer::Value(value);
                }
            }
        }
        while let Some(found) = self.lead().await {
            if let Some((value, _)) = self.call.read(&found.reply) {
                self.publish_found(&found);
                return Answer::Value(value);
            }
            self.accept = Some(AcceptEntry::Never);
        }
        Answer::Execute
    }

    /// Reads the entry. `None` if the store fails, which is counted.
    async fn lookup(&mut self) -> Option<LookupReply> {
        self.call.count(Event::read, 1);
        let timeout = self.deadline.start();
        let store = self.call.engine.any_store();
        let reply = store
            .read(&self.call.method.pair, self.call.key.field, timeout)
            .await;
        match reply {
            Ok(reply) => Some(reply),
            Err(error) => {
                self.call.failed(&error);
                None
            }
        }
    }

    /// What was found and is of no use must not be found again.
    fn miss(&mut self, reply: Option<LookupReply>) {
        self.deadline.stop();
        self.call.count(Event::miss, 1);
        self.accept = reply.map(|reply| match reply.entry.as_deref() {
            None => AcceptEntry::Any,
            Some(entry) => match entry.get(8..16).map(<[u8; 8]>::try_from) {
                Some(Ok(instant)) => AcceptEntry::NotCreatedAt(instant),
                _ => AcceptEntry::Never,
            },
        });
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
        let tag = self.call.method.tag;
        let outcome = match engine.flights().join(field, tag, follower_timeout) {
            FlightRole::Leader(leader) => Ok(FollowerOutcome::Promoted(leader)),
            FlightRole::Follower(outcome) => outcome.await,
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
        let stampede = self.call.method.freshness.stampede;
        let on_held = if self.mode.read && stampede != Stampede::Off {
            OnHeldLease::Wait
        } else {
            OnHeldLease::Preempt
        };
        match self.acquire_lease(on_held, accept).await {
            Ok(LeaseOrEntry::Lease(lease)) => self.lease = Some(lease),
            Ok(LeaseOrEntry::Entry(found)) => return Some(found),
            Ok(LeaseOrEntry::HeldElsewhere) => {}
            Err(error) => self.call.failed(&error),
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
    }
}

/// How a call goes on after it has joined a flight.
enum Joining {
    Leads,
    Follows(Arc<EncodedValue>),
    /// It runs its method for itself.
    Alone,
}
