//! Waiting for what other calls compute: followers here, and the holders of leases in other processes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::oneshot;

use super::super::encoding;
use super::super::lookup::{FoundBytes, Source};
use super::attempt::BatchAttempt;
use super::item::ItemStep;
use crate::engine::single_flight::{EncodedValue, FollowerOutcome};
use crate::rt::timeout;
use crate::stats::metrics::Ongoing;

/// What a batch waits for.
#[derive(Default)]
pub(super) struct ItemWaits {
    pending: FuturesUnordered<ItemWait>,
    /// When to ask for a lease again, if no message comes.
    polls: Vec<(usize, Instant)>,
    /// Values that came while the method ran.
    values: Vec<(usize, Arc<EncodedValue>)>,
}

/// A wait for one item.
enum ItemWait {
    Follows {
        index: usize,
        outcome: oneshot::Receiver<FollowerOutcome>,
        _ongoing: Ongoing,
    },
    Held(usize, Pin<Box<OwnedNotified>>),
}

enum ItemWaitEnd {
    Outcome(Option<FollowerOutcome>),
    /// The lease has ended, or messages may have been lost.
    Notified,
}

impl Future for ItemWait {
    type Output = (usize, ItemWaitEnd);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Follows { index, outcome, .. } => {
                let outcome = Pin::new(outcome).poll(context);
                outcome.map(|outcome| (*index, ItemWaitEnd::Outcome(outcome.ok())))
            }
            Self::Held(index, notified) => {
                let notified = notified.as_mut().poll(context);
                notified.map(|()| (*index, ItemWaitEnd::Notified))
            }
        }
    }
}

impl ItemWaits {
    pub(super) fn follow(
        &mut self,
        index: usize,
        outcome: oneshot::Receiver<FollowerOutcome>,
        ongoing: Ongoing,
    ) {
        self.pending.push(ItemWait::Follows {
            index,
            outcome,
            _ongoing: ongoing,
        });
    }

    pub(super) fn listen(&mut self, index: usize, notified: OwnedNotified, until: Instant) {
        self.pending.push(ItemWait::Held(index, Box::pin(notified)));
        self.polls.push((index, until));
    }
}

impl BatchAttempt<'_> {
    /// Waits until something has happened to an item. Returns the values that other calls of this process
    /// have computed.
    pub(super) async fn wait(&mut self) -> Vec<(usize, FoundBytes)> {
        if self.waits.values.is_empty() {
            let first = match self.waits.polls.iter().map(|(_, until)| *until).min() {
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    timeout::within(left, self.waits.pending.next())
                        .await
                        .flatten()
                }
                None => self.waits.pending.next().await,
            };
            if let Some((index, end)) = first {
                self.waited(index, end, true);
            }
            self.take_ended(true);
            self.poll_late();
        }
        let values = std::mem::take(&mut self.waits.values);
        values
            .into_iter()
            .filter_map(|(index, value)| self.shared(index, value))
            .collect()
    }

    /// While the method runs: a lead that would come now would be idle until it has returned, so it is
    /// passed on.
    pub(super) fn tend_waits(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some((index, end))) = self.waits.pending.poll_next_unpin(context) {
            self.waited(index, end, false);
        }
    }

    /// All that has ended by now.
    fn take_ended(&mut self, is_free: bool) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some((index, end))) = self.waits.pending.poll_next_unpin(&mut context)
        {
            self.waited(index, end, is_free);
        }
    }

    fn waited(&mut self, index: usize, end: ItemWaitEnd, is_free: bool) {
        let item = &mut self.items[index];
        match end {
            ItemWaitEnd::Outcome(Some(FollowerOutcome::Value(value))) => {
                self.waits.values.push((index, value));
            }
            ItemWaitEnd::Outcome(Some(FollowerOutcome::Promoted(leader))) if is_free => {
                item.leader = Some(leader);
                item.step = ItemStep::Lease;
            }
            ItemWaitEnd::Outcome(Some(FollowerOutcome::Promoted(leader))) => {
                drop(leader);
                item.step = ItemStep::Flight;
            }
            // There is no thread for timers: it runs the method for itself.
            ItemWaitEnd::Outcome(None) => item.step = ItemStep::Due,
            // A message of an earlier wait may be late.
            ItemWaitEnd::Notified if item.held.is_some() => item.step = ItemStep::Lease,
            ItemWaitEnd::Notified => {}
        }
    }

    /// Leases that are asked for again without a message.
    fn poll_late(&mut self) {
        let now = Instant::now();
        let items = &mut self.items;
        self.waits.polls.retain(|(index, until)| {
            let item = &mut items[*index];
            let is_waiting = item.step == ItemStep::Wait && item.held.is_some();
            if is_waiting && *until <= now {
                item.step = ItemStep::Lease;
                return false;
            }
            is_waiting
        });
    }

    fn shared(&mut self, index: usize, value: Arc<EncodedValue>) -> Option<(usize, FoundBytes)> {
        let opened = self.call(index).open_shared(&value);
        let Some(opened) = opened.ok().filter(|_| !encoding::is_error(&value)) else {
            self.items[index].step = ItemStep::Due;
            return None;
        };
        self.items[index].step = ItemStep::Done;
        let source = Source::Flight(value);
        Some((index, FoundBytes { source, opened }))
    }
}
