//! Committing a computed value: to the store under its lease, and to the waiting followers.

use std::time::Duration;

use erased_serde::Serialize;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::attempt::{Attempt, KeyedCall};
use super::backlog;
use super::encoding;
use super::lease::{FenceCheck, Lease};
use super::not_stored;
use crate::engine::Engine;
use crate::engine::single_flight::{JoinMark, Leader};
use crate::entry::header;
use crate::error::Error;
use crate::method::bound::BoundMethod;
use crate::method::cacheability::Cacheability;
use crate::rt::timeout;
use crate::stats::Event;
use crate::store::{Put, PutDone, PutOutcome};

impl Attempt<'_> {
    /// Encodes a value, and commits it. `None` if nothing but the caller has a use for it.
    pub(crate) fn commit(
        &mut self,
        value: &dyn Serialize,
        cost: Duration,
        cacheability: &Cacheability,
    ) -> Option<BoxFuture<'_, ()>> {
        let ttl_ms = cacheability.ttl_ms(self.call.method.ttl_ms());
        let is_cacheable = ttl_ms.is_some();
        if !is_cacheable {
            self.not_stored(not_stored::uncacheable(cacheability));
        } else if self.lease.is_none() {
            self.not_stored(not_stored::without_lease(self.mode, self.accept));
        }
        let has_use = (is_cacheable && self.lease.is_some())
            || self.leader.as_ref().is_some_and(Leader::has_followers);
        if !has_use {
            return None;
        }
        let ttl_ms = ttl_ms.unwrap_or_default();
        let put = self.call.encode_as(cacheability, value, cost, ttl_ms);
        Some(Box::pin(self.store_and_publish(put, is_cacheable)))
    }

    /// The method returned nothing that could be stored or shared.
    pub(crate) fn fail(&mut self) {
        if let Some(leader) = self.leader.take() {
            leader.failed();
        }
    }

    /// Stores the value if it is cacheable, and publishes it: to all followers that had joined before
    /// the store was asked, if the store says that nothing has overtaken the value; to those alone
    /// that had joined before the method ran, if it does not know. For others it may be too old.
    async fn store_and_publish(&mut self, put: Result<Put, Error>, is_cacheable: bool) {
        let put = match put {
            Ok(put) => put,
            Err(error) => {
                if is_cacheable && self.lease.is_some() {
                    self.not_stored(not_stored::unstorable(&error));
                    self.drop_outdated(&error).await;
                } else {
                    self.call.failed(&error);
                }
                // What cannot be encoded cannot be shared: followers run the method, ever more at a time.
                return self.fail();
            }
        };
        let Some(lease) = self.lease.take() else {
            // The store is failing, and cannot tell whether anything has overtaken the value. If it was not asked, it may
            // be back by now, and followers may have joined since that know of later writes.
            let joined = if self.is_unread {
                self.joined_before_execution()
            } else {
                Some(JoinMark::ALL)
            };
            if let (Some(leader), Some(joined)) = (&mut self.leader, joined) {
                leader.publish(encoding::shared(&put), joined);
            }
            return;
        };
        let before_asking = self.joined();
        let shared = before_asking
            .filter(|&joined| self.is_followed_before(joined))
            .map(|_| encoding::shared(&put));
        let check = if is_cacheable {
            let check = self.put(lease, put).await;
            // It is counted where the store answers, which may be later.
            self.record.not_stored = not_stored::after_put(check);
            check
        } else {
            let timeout = self.deadline.start();
            let check = lease.check_fence(&put.tags, timeout.at_most).await;
            self.deadline.stop();
            check
        };
        let may_have_it = check.followers(before_asking, self.joined_before_execution());
        if let (Some(leader), Some(shared), Some(joined)) = (&mut self.leader, shared, may_have_it)
        {
            leader.publish(shared, joined);
        }
    }

    fn joined_before_execution(&self) -> Option<JoinMark> {
        self.execution
            .as_ref()
            .and_then(|execution| execution.joined_before)
    }

    fn is_followed_before(&self, joined: JoinMark) -> bool {
        let leader = self.leader.as_ref();
        leader.is_some_and(|leader| leader.has_followers_before(joined))
    }

    /// Stores a value under its lease. The put goes on in the background once the deadline has
    /// passed, or when the caller goes away.
    pub(crate) async fn put(&mut self, lease: Lease, put: Put) -> FenceCheck {
        let Some((put, done, stored)) = self.call.begin_put(lease, put) else {
            return FenceCheck::Unknown;
        };
        let timeout = self.deadline.start();
        self.call.store().put(&self.call.method.pair, put, done);
        let stored = timeout::within(timeout.at_most, stored).await;
        self.deadline.stop();
        let stored = stored.and_then(Result::ok);
        stored.map_or(FenceCheck::Unknown, |stored| {
            count_put(self.call.engine, &self.call.method, stored)
        })
    }

    /// There is a newer value, which cannot be stored: the older one must not outlive it.
    pub(crate) async fn drop_outdated(&mut self, error: &Error) {
        self.call.failed(error);
        let call = &self.call;
        let dropped = self.deadline.spend(|left| call.drop_entry(left)).await;
        if let Err(error) = dropped {
            self.call.failed(&error);
        }
    }
}

/// What a put comes to, for a caller that waits for it.
pub(super) type PutAnswer = oneshot::Receiver<Result<PutOutcome, Error>>;

impl KeyedCall<'_> {
    /// What the store is given for a value under its lease. `None` if too many wait to be stored.
    pub(super) fn begin_put(
        &self,
        mut lease: Lease,
        mut put: Put,
    ) -> Option<(Put, PutDone, PutAnswer)> {
        let Some(room) = backlog::room(put.entry.tail.len()) else {
            self.failed(&Error::unavailable("too many values wait to be stored"));
            self.count(Event::unstored, 1);
            return None;
        };
        lease.covers(&mut put);
        let bytes = header::length_of(&put.entry);
        let (publish, stored) = oneshot::channel();
        let (engine, method) = (self.engine.clone(), self.method.to_arc());
        let done = PutDone::new(move |stored| {
            drop(room);
            if stored.is_ok() {
                lease.close();
            }
            if let Ok(PutOutcome::Stored(_)) = &stored {
                engine.count(Some(&method), Event::stored_bytes, bytes);
            }
            if let Err(late) = publish.send(stored) {
                count_put(&engine, &method, late);
            }
        });
        Some((put, done, stored))
    }
}

pub(crate) fn count_put(
    engine: &Engine,
    method: &BoundMethod,
    stored: Result<PutOutcome, Error>,
) -> FenceCheck {
    match stored {
        Ok(PutOutcome::Fenced) => {
            engine.count(Some(method), Event::fenced, 1);
            FenceCheck::Fenced
        }
        Ok(PutOutcome::Stored(evicted)) => {
            engine.count(Some(method), Event::write, 1);
            engine.count(Some(method), Event::evicted, evicted);
            FenceCheck::Passed
        }
        Err(error) => {
            super::failure::record(engine, method, &error);
            engine.count(Some(method), Event::unstored, 1);
            FenceCheck::Unknown
        }
    }
}
