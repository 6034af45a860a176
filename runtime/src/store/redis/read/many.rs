//! Looking many entries of a pair up at once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::join_all;

use super::fallback::is_unanswered;
use super::lookup::Lookup;
use super::pipeline::batch::Ticket;
use super::pipeline::query::Query;
use crate::deadline::Timeout;
use crate::error::Error;
use crate::store::redis::client::Client;
use crate::store::redis::health::endpoint::{AdmittedCall, Side};
use crate::store::{EntryOf, LookupReply, Pair};

impl Client {
    /// Reads many entries, in one request where there is a pipeline at hand and no field is known to be large.
    pub(crate) async fn read_many(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        wanted: &[EntryOf],
        wait: Timeout,
    ) -> Result<Vec<LookupReply>, Error> {
        let call = AdmittedCall {
            admission: self.admit(Side::Read, pair)?,
            side: Side::Read,
            pair,
            deadline: wait.at_most,
        };
        let one = |wanted| Lookup::new(self, Query::new(pair, wanted, wait));
        let Some(tickets) = self.tickets(&call, wanted, wait).await else {
            return join_all(wanted.iter().map(one)).await.into_iter().collect();
        };
        let mut found = Vec::with_capacity(wanted.len());
        for (wanted, ticket) in wanted.iter().zip(tickets) {
            let reply = ticket.reply(wait, &wanted.tags).await;
            found.push(if is_unanswered(&reply) {
                one(wanted).await?
            } else {
                self.account(&call, reply)?
            });
        }
        Ok(found)
    }

    async fn tickets(
        self: &Arc<Self>,
        call: &AdmittedCall<'_>,
        wanted: &[EntryOf],
        wait: Timeout,
    ) -> Option<Vec<Ticket>> {
        self.lanes.watch();
        let (pair, node) = (call.pair, call.admission.node());
        let (lane, _) = self.lanes.here(&self.pair_state(pair).lanes, node)?;
        let queued = poll_fn(|context| {
            let waker = context.waker();
            Poll::Ready(lane.enqueue_all((pair, wanted), node, wait, waker))
        });
        queued.await
    }
}
