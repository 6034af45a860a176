//! Reads where this thread has no pipeline at hand: on its runtime's lane, or on the background thread.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::batch_reader::{self, ReaderGuard};
use super::lane::Lane;
use super::pipeline::query::Query;
use super::queue::{QueuedRead, ReadQueue, ReadTurn, ReplyReceiver};
use crate::entry::header;
use crate::error::{Error, Fault};
use crate::rt::background;
use crate::store::redis::client::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::health::endpoint::{Endpoint, Pace, PacedResult};
use crate::store::redis::script::reply;
use crate::store::{EntryOf, LookupReply};

/// Reads, and records the hit. The pair is on this node, if that is known of a cluster.
pub(super) async fn read(
    client: &Arc<Client>,
    query: Query<'_>,
    node: Option<Arc<Endpoint>>,
) -> PacedResult<LookupReply> {
    let Query { pair, wait, .. } = query;
    let node = node.as_ref();
    let Some((lane, queue)) = client.lanes.here(&client.pair_state(pair).lanes, node) else {
        return read_elsewhere(client, query).await;
    };
    if let Some(connection) = lane.connection() {
        let found = read_in_lane(client, &query, &lane, connection, &queue).await?;
        return Ok(record(client, &query, found));
    }
    let ticket = poll_fn(|context| Poll::Ready(lane.enqueue(&query, node, context.waker()))).await;
    let reply = match ticket {
        Some(Ok(ticket)) => Some(ticket.reply(wait, query.tags).await),
        Some(Err(error)) => Some(Err(error)),
        None => None,
    };
    match reply {
        Some(reply) if !is_unanswered(&reply) => reply,
        _ => read_elsewhere(client, query).await,
    }
}

/// Reads on the background thread, through the redis crate's client, and records the hit.
pub(super) async fn read_elsewhere(
    client: &Arc<Client>,
    query: Query<'_>,
) -> PacedResult<LookupReply> {
    let found = read_in_background(client, &query).await?;
    Ok(record(client, &query, found))
}

fn record(client: &Arc<Client>, query: &Query<'_>, found: LookupReply) -> (LookupReply, Pace) {
    if let Some(entry) = &found.entry
        && header::is_of_epoch(entry, found.epoch)
        && header::is_alive(entry, found.now_us / 1000)
    {
        client.record_hits(query.pair, found.now_us, std::iter::once((query.field, 1)));
    }
    (found, Pace::of(query.wait))
}

/// Whether it is to be asked again elsewhere: the connection was lost, as an idle one may be at any time, and
/// the background thread has another; or the node does not serve the slot any more.
pub(super) fn is_unanswered<T>(reply: &Result<T, Error>) -> bool {
    matches!(reply, Err(error) if matches!(error.fault(), Fault::Nothing | Fault::Moved))
}

async fn read_in_background(client: &Arc<Client>, query: &Query<'_>) -> Result<LookupReply, Error> {
    let &Query { pair, wait, .. } = query;
    let until = wait.until();
    let queue = &client.pair_state(pair).queue;
    let (reply, receiver) = oneshot::channel();
    if queue.push(QueuedRead {
        wanted: query.wanted(),
        until,
        reply,
    })? {
        let reader = ReaderGuard::new(queue.clone());
        background::spawn(batch_reader::run(
            client.clone(),
            pair.clone(),
            None,
            reader,
        ))?;
    }
    reply_of(receiver).await
}

async fn reply_of(receiver: ReplyReceiver) -> Result<LookupReply, Error> {
    let reply = receiver.await;
    reply.unwrap_or_else(|_| Err(Error::unavailable("the read was cancelled")))
}

async fn read_in_lane(
    client: &Arc<Client>,
    query: &Query<'_>,
    lane: &Arc<Lane>,
    connection: &ConnectionManager,
    queue: &Arc<ReadQueue>,
) -> Result<LookupReply, Error> {
    let &Query { pair, wait, .. } = query;
    let wanted = query.wanted();
    let (id, out_of_time) = match queue.take_turn(wanted.clone(), wait.until())? {
        ReadTurn::Lone(id, out_of_time) => (id, out_of_time),
        ReadTurn::Queued(receiver) => return reply_of(receiver).await,
    };
    let _guard = LoneReadGuard {
        client,
        query,
        lane,
        queue,
        id,
    };
    let mut read = pin!(client.hmget(connection, pair, std::slice::from_ref(&wanted)));
    let mut out_of_time = pin!(out_of_time);
    let mut found = poll_fn(|context| match read.as_mut().poll(context) {
        Poll::Ready(reply) => Poll::Ready(reply),
        Poll::Pending => out_of_time
            .as_mut()
            .poll(context)
            .map(|_| Err(Error::unavailable("the store did not answer in time"))),
    })
    .await?;
    found.pop().ok_or_else(reply::unexpected)
}

impl Query<'_> {
    fn wanted(&self) -> EntryOf {
        EntryOf {
            field: self.field,
            method: self.pair.method,
            tags: self.tags.clone(),
        }
    }
}

/// A lone read. At its end, however that comes, a reader starts for the callers that wait.
struct LoneReadGuard<'a> {
    client: &'a Arc<Client>,
    query: &'a Query<'a>,
    lane: &'a Arc<Lane>,
    queue: &'a Arc<ReadQueue>,
    id: u64,
}

impl Drop for LoneReadGuard<'_> {
    fn drop(&mut self) {
        if !self.queue.finish_lone(self.id) {
            return;
        }
        let reader = ReaderGuard::new(self.queue.clone());
        let (client, pair) = (self.client.clone(), self.query.pair.clone());
        let read = batch_reader::run(client, pair, Some(self.lane.clone()), reader);
        // It may be dropped elsewhere, such as by the thread that shuts the runtime down.
        match Handle::try_current() {
            Ok(handle) if handle.id() == self.lane.runtime.id() => drop(handle.spawn(read)),
            _ => drop(background::spawn(read)),
        }
    }
}
