//! Storing the values of a batch with one put, and publishing each to its followers.

use std::sync::Arc;
use std::time::Duration;

use erased_serde::Serialize;
use futures_util::future::{BoxFuture, join_all};

use super::super::commit::{PutAnswer, count_put};
use super::super::encoding;
use super::super::failure;
use super::super::lease::{FenceCheck, Lease};
use super::super::not_stored;
use super::attempt::BatchAttempt;
use crate::engine::single_flight::{EncodedValue, JoinMark, Leader};
use crate::error::Error;
use crate::key::tags::TagIds;
use crate::method::cacheability::Cacheability;
use crate::rt::timeout;
use crate::stats::outcome::NotStored;
use crate::store::{OfBuilds, Put, PutOutcome};

/// A value that the method returned for an item, as it is stored and shared.
pub(crate) struct ItemValue {
    index: usize,
    put: Result<Put, Error>,
    is_cacheable: bool,
}

impl BatchAttempt<'_> {
    /// Encodes a value. `None` if nothing but the caller has a use for it.
    pub(crate) fn encode(
        &mut self,
        index: usize,
        value: &dyn Serialize,
        cost: Duration,
        cacheability: &Cacheability,
    ) -> Option<ItemValue> {
        let ttl_ms = cacheability.ttl_ms(self.method.ttl_ms());
        let is_cacheable = ttl_ms.is_some();
        let item = &self.items[index];
        if !is_cacheable {
            self.not_stored(index, not_stored::uncacheable(cacheability));
        } else if item.lease.is_none() {
            let why = not_stored::without_lease(self.mode, item.accept);
            self.not_stored(index, why);
        }
        let item = &self.items[index];
        let has_use = (is_cacheable && item.lease.is_some())
            || item.leader.as_ref().is_some_and(Leader::has_followers);
        has_use.then(|| ItemValue {
            index,
            put: self.call(index).encode(
                value,
                cost,
                ttl_ms.unwrap_or_default(),
                cacheability.value_tags(),
            ),
            is_cacheable,
        })
    }

    /// There is nothing to store or share for an item that the method has run for.
    pub(crate) fn fail_item(&mut self, index: usize) {
        self.not_stored(index, NotStored::Failed);
        self.items[index].fail();
    }

    /// Nothing but the caller has a use for the value.
    pub(crate) fn end_item(&mut self, index: usize) {
        self.items[index].end();
    }

    pub(crate) fn commit(&mut self, values: Vec<ItemValue>) -> BoxFuture<'_, ()> {
        Box::pin(self.store_and_publish(values))
    }

    /// Stores the values that are cacheable, and publishes all: to those followers that a single call would publish
    /// its value to.
    async fn store_and_publish(&mut self, values: Vec<ItemValue>) {
        let (mut outdated, mut to_check, mut to_put) = (Vec::new(), Vec::new(), Vec::new());
        for ItemValue {
            index,
            put,
            is_cacheable,
        } in values
        {
            match (put, self.items[index].lease.take()) {
                (Ok(put), Some(lease)) if is_cacheable => {
                    to_put.push((self.asked(index, &put), lease, put));
                }
                (Ok(put), Some(lease)) => {
                    to_check.push((self.asked(index, &put), lease, put.tags));
                }
                (Ok(put), None) => self.publish_to_all(index, &put),
                (Err(error), lease) => {
                    self.call(index).failed(&error);
                    if is_cacheable && lease.is_some() {
                        self.not_stored(index, not_stored::unstorable(&error));
                    }
                    outdated.extend(lease.filter(|_| is_cacheable).map(|lease| (index, lease)));
                    // What cannot be encoded cannot be shared.
                    self.items[index].fail();
                }
            }
        }
        self.drop_outdated(outdated).await;
        self.put_all(to_put).await;
        self.check_all(to_check).await;
    }

    /// Before the store is asked whether a value is current.
    fn asked(&self, index: usize, put: &Put) -> AskedItem {
        let item = &self.items[index];
        let before_asking = item.joined();
        let followed = before_asking.filter(|&joined| item.is_followed_before(joined));
        AskedItem {
            index,
            before_asking,
            shared: followed.map(|_| encoding::shared(put)),
        }
    }

    /// The store is failing, and cannot tell whether anything has overtaken the value.
    fn publish_to_all(&mut self, index: usize, put: &Put) {
        let item = &mut self.items[index];
        let joined = if item.is_unread {
            item.joined_before
        } else {
            Some(JoinMark::ALL)
        };
        if let (Some(leader), Some(joined)) = (&mut item.leader, joined) {
            leader.publish(encoding::shared(put), joined);
        }
        item.end();
    }

    /// There are newer values, which cannot be stored: the older ones must not outlive them.
    async fn drop_outdated(&mut self, outdated: Vec<(usize, Lease)>) {
        if outdated.is_empty() {
            return;
        }
        let fields = outdated
            .iter()
            .map(|(index, _)| self.items[*index].key.field);
        let (store, pair) = (self.engine.store(), &self.method.pair);
        let fields = fields.collect();
        let dropped = self
            .deadline
            .spend(|left| store.delete(pair, fields, OfBuilds::All, left));
        if let Err(error) = dropped.await {
            failure::record(self.engine, &self.method, &error);
        }
    }

    /// Stores values under their leases. The puts go on in the background once the deadline has passed, or when
    /// the caller goes away.
    async fn put_all(&mut self, values: Vec<(AskedItem, Lease, Put)>) {
        let (mut puts, mut waits) = (Vec::new(), Vec::new());
        for (asked, lease, put) in values {
            match self.call(asked.index).begin_put(lease, put) {
                Some((put, done, stored)) => {
                    puts.push((put, done));
                    waits.push((asked, stored));
                }
                None => {
                    self.items[asked.index].record.not_stored = Some(NotStored::Store);
                    self.publish(asked, FenceCheck::Unknown);
                }
            }
        }
        if puts.is_empty() {
            return;
        }
        let timeout = self.deadline.start();
        self.engine.store().put_all(&self.method.pair, puts);
        let checks = outcomes(timeout.at_most, waits).await;
        self.deadline.stop();
        for (asked, stored) in checks {
            let check = stored.map_or(FenceCheck::Unknown, |stored| {
                count_put(self.engine, &self.method, stored)
            });
            self.items[asked.index].record.not_stored = not_stored::after_put(check);
            self.publish(asked, check);
        }
    }

    /// Asks whether values that are not to be stored are current, for their followers.
    async fn check_all(&mut self, values: Vec<(AskedItem, Lease, TagIds)>) {
        if values.is_empty() {
            return;
        }
        let timeout = self.deadline.start();
        let each = values.into_iter().map(|(asked, lease, tags)| async move {
            let check = lease.check_fence(&tags, timeout.at_most).await;
            (asked, check)
        });
        let checks = join_all(each).await;
        self.deadline.stop();
        for (asked, check) in checks {
            self.publish(asked, check);
        }
    }

    fn publish(&mut self, asked: AskedItem, check: FenceCheck) {
        let item = &mut self.items[asked.index];
        let may_have_it = check.followers(asked.before_asking, item.joined_before);
        if let (Some(leader), Some(shared), Some(joined)) =
            (&mut item.leader, asked.shared, may_have_it)
        {
            leader.publish(shared, joined);
        }
        item.end();
    }
}

/// An item whose value the store is asked about.
struct AskedItem {
    index: usize,
    /// The followers by then.
    before_asking: Option<JoinMark>,
    /// For them, if there are any.
    shared: Option<Arc<EncodedValue>>,
}

/// What puts came to within the time; `None` for those that go on.
async fn outcomes(
    at_most: Duration,
    mut waits: Vec<(AskedItem, PutAnswer)>,
) -> Vec<(AskedItem, Option<Result<PutOutcome, Error>>)> {
    let mut ended = Vec::new();
    let in_order = async {
        for (_, stored) in &mut waits {
            ended.push(stored.await.ok());
        }
    };
    let _ = timeout::within(at_most, in_order).await;
    let mut ended = ended.into_iter();
    let each = waits.into_iter().map(|(asked, mut stored)| {
        let stored = match ended.next() {
            Some(stored) => stored,
            None => stored.try_recv().ok(),
        };
        (asked, stored)
    });
    each.collect()
}
