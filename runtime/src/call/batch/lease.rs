//! Joining the flights of the items that are missing, and acquiring their leases.

use std::time::Instant;

use super::super::acquire::{FoundEntry, LeaseWait};
use super::super::lease::Lease;
use super::super::lookup::{FoundBytes, Source};
use super::attempt::BatchAttempt;
use super::item::{HeldElsewhere, ItemStep};
use crate::engine::scope;
use crate::engine::single_flight::{FlightRole, JoinMark};
use crate::error::Error;
use crate::settings::Stampede;
use crate::store::{AcceptEntry, LeaseOutcome, LeaseRequest, Listener, OnHeldLease};

impl BatchAttempt<'_> {
    /// Joins the calls that miss the same entries, and leads where there are none.
    pub(super) fn join_flights(&mut self) {
        let (engine, method) = (self.engine, &self.method);
        let (tag, timeout) = (method.pair.method, method.follower_timeout());
        let is_off = method.freshness.stampede == Stampede::Off;
        for (index, item) in self.items.iter_mut().enumerate() {
            if item.step != ItemStep::Flight {
                continue;
            }
            // A call from inside this very execution would wait for itself.
            if !self.mode.write || scope::is_executing(engine.id(), item.key.field) {
                item.step = ItemStep::Due;
                continue;
            }
            item.step = ItemStep::Lease;
            if is_off {
                continue;
            }
            match engine.flights().join(item.key.field, tag, timeout) {
                FlightRole::Leader(leader) => item.leader = Some(leader),
                FlightRole::Follower(outcome) => {
                    item.step = ItemStep::Wait;
                    let ongoing = method.metrics.begin_wait();
                    self.waits.follow(index, outcome, ongoing);
                }
            }
        }
    }

    /// Asks for the leases of all that this call leads, unless the store is failing. Returns the entries that
    /// others may have stored meanwhile.
    pub(super) async fn acquire_leases(&mut self) -> Vec<(usize, FoundBytes)> {
        let mut asked: Vec<_> = self
            .at(ItemStep::Lease)
            .into_iter()
            .filter_map(|index| self.ask(index))
            .collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let requests = asked.iter().map(|asked| asked.request.clone()).collect();
        let timeout = self.deadline.start();
        let (store, pair) = (self.engine.store(), &self.method.pair);
        let outcomes = store.acquire_leases(pair, requests, timeout.at_most).await;
        self.deadline.stop();
        let mut is_counted = false;
        let mut found = Vec::new();
        for (asked, outcome) in asked.drain(..).zip(outcomes) {
            match outcome {
                Ok(outcome) => found.extend(self.answered(asked, outcome)),
                Err(error) => self.refused(asked, &error, &mut is_counted),
            }
        }
        found
    }

    /// Made before the store is asked: if the caller goes away meanwhile, its drop gives the lease back.
    fn ask(&mut self, index: usize) -> Option<AskedLease> {
        let on_held = self.call(index).on_held(self.mode);
        let item = &mut self.items[index];
        let Some(accept) = item.accept else {
            item.step = ItemStep::Due;
            return None;
        };
        let held = item.held.take();
        let field = item.key.field;
        let held = held.unwrap_or_else(|| HeldElsewhere {
            lease: Lease::new(self.engine, &self.method.pair, field),
            wait: LeaseWait::new(self.call(index).lease_wait_timeout()),
            on_held,
        });
        let item = &self.items[index];
        let request = LeaseRequest {
            field,
            token: held.lease.token(),
            on_held: held.on_held,
            accept,
            deadline: self.deadline.whole(),
            seen: item.seen,
            tags: item.tags.clone(),
            seen_tags: item.seen_tags.clone(),
        };
        Some(AskedLease {
            index,
            notified: held.wait.listener.as_ref().map(Listener::heard),
            joined: item.joined(),
            held,
            request,
        })
    }

    fn answered(
        &mut self,
        asked: AskedLease,
        outcome: LeaseOutcome,
    ) -> Option<(usize, FoundBytes)> {
        let AskedLease {
            index,
            mut held,
            notified,
            joined,
            ..
        } = asked;
        let (left, holder) = match outcome {
            LeaseOutcome::Granted(view) => {
                held.lease.granted(view);
                self.items[index].leads_with(held.lease);
                return None;
            }
            LeaseOutcome::Hit(reply) => {
                held.lease.close();
                return self.found_instead(
                    index,
                    FoundEntry {
                        reply,
                        has_waited: held.wait.listener.is_some(),
                        joined,
                    },
                );
            }
            LeaseOutcome::Held { left, holder } => (left, holder),
        };
        if holder.is_of(self.engine.id()) || held.wait.is_over() {
            // Several leaders of one flight share a lease: if they preempted each other, they would all
            // compute in vain.
            if let Some(shared) = Lease::of(holder, self.items[index].seen) {
                held.lease.close();
                self.items[index].leads_with(shared);
                return None;
            }
            held.on_held = OnHeldLease::Preempt;
        } else if let Some(notified) = notified {
            let until = Instant::now() + held.wait.next_poll(left);
            self.waits.listen(index, notified, until);
            self.items[index].step = ItemStep::Wait;
        } else {
            // Listens first, and asks once more.
            let call = self.call(index);
            held.wait.begin(&call, self.items[index].leader.as_ref());
        }
        self.items[index].held = Some(held);
        None
    }

    /// There is an entry by now.
    fn found_instead(&mut self, index: usize, found: FoundEntry) -> Option<(usize, FoundBytes)> {
        let Some((opened, _)) = self.call(index).open_item(&found.reply) else {
            self.items[index].ask_for_another();
            return None;
        };
        self.items[index].step = ItemStep::Done;
        let source = Source::Lease(found);
        Some((index, FoundBytes { source, opened }))
    }

    /// One request that fails is one failure.
    fn refused(&mut self, mut asked: AskedLease, error: &Error, is_counted: &mut bool) {
        if !error.may_have_executed() {
            // It was refused, or never asked: there is nothing to give back.
            asked.held.lease.close();
        }
        if !std::mem::replace(is_counted, true) {
            self.call(asked.index).failed(error);
        }
        self.items[asked.index].accept = None;
        self.items[asked.index].step = ItemStep::Due;
    }
}

/// A lease that the store is asked for.
struct AskedLease {
    index: usize,
    held: HeldElsewhere,
    request: LeaseRequest,
    /// The end of the lease that another process holds.
    notified: Option<tokio::sync::futures::OwnedNotified>,
    joined: Option<JoinMark>,
}

impl super::item::BatchItem {
    fn leads_with(&mut self, lease: Lease) {
        self.lease = Some(lease);
        self.step = ItemStep::Due;
    }

    /// What was found cannot be read: the next request accepts nothing.
    pub(super) fn ask_for_another(&mut self) {
        self.accept = Some(AcceptEntry::Never);
        self.step = ItemStep::Lease;
    }
}
