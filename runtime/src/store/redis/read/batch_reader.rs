//! A reader: a task that reads for all callers in a [queue](super::queue), batch after batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::Lane;
use super::queue::{QueuedRead, ReadQueue};
use crate::error::{Error, Fault};
use crate::store::redis::client::Client;
use crate::store::{EntryOf, LookupReply, Pair};

/// Of a read whose slot moves.
const ATTEMPTS: u32 = 4;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// Reads until no caller waits: in a lane if it is given one.
pub(super) async fn run(
    client: Arc<Client>,
    pair: Arc<Pair>,
    lane: Option<Arc<Lane>>,
    mut reader: ReaderGuard,
) {
    loop {
        // Callers that have just been answered come back with their next call: they are sent
        // together, not one by one.
        if lane.is_some() {
            tokio::task::yield_now().await;
        }
        let Some(batch) = reader.queue.next_batch() else {
            break;
        };
        let until = batch.iter().map(|read| read.until).min();
        let until = until.unwrap_or_else(Instant::now);
        let (wanted, positions) = distinct(&batch);
        let connection = lane.as_ref().and_then(|lane| lane.connection());
        let reply = match connection {
            Some(connection) => client.hmget(connection, &pair, &wanted).await,
            None => hmget_in_time(&client, &pair, &wanted, until).await,
        };
        deliver(batch, positions, reply);
    }
    reader.has_finished = true;
}

/// Stands for one reader. If it was never started, or panicked, the callers that wait get an error:
/// no other reader might come for them.
pub(super) struct ReaderGuard {
    queue: Arc<ReadQueue>,
    has_finished: bool,
}

impl ReaderGuard {
    pub(super) fn new(queue: Arc<ReadQueue>) -> Self {
        Self {
            queue,
            has_finished: false,
        }
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        if !self.has_finished {
            self.queue.abort_reader();
        }
    }
}

/// Gives each caller of a batch the entry of its field.
fn deliver(batch: Vec<QueuedRead>, positions: Vec<usize>, reply: Result<Vec<LookupReply>, Error>) {
    let found = match reply {
        Ok(found) => found,
        Err(error) => {
            for read in batch {
                let _ = read.reply.send(Err(error.again()));
            }
            return;
        }
    };
    for (read, position) in batch.into_iter().zip(positions) {
        // It fails where the caller was dropped.
        let _ = read.reply.send(Ok(found[position].clone()));
    }
}

/// The different entries of a batch, and which of them each caller waits for.
fn distinct(batch: &[QueuedRead]) -> (Vec<EntryOf>, Vec<usize>) {
    if let [lone] = batch {
        return (vec![lone.wanted.clone()], vec![0]);
    }
    let mut known = HashMap::with_capacity(batch.len());
    let mut fields = Vec::with_capacity(batch.len());
    let positions = batch.iter().map(|read| {
        *known.entry(&read.wanted).or_insert_with(|| {
            fields.push(read.wanted.clone());
            fields.len() - 1
        })
    });
    let positions = positions.collect();
    (fields, positions)
}

async fn hmget_in_time(
    client: &Client,
    pair: &Pair,
    wanted: &[EntryOf],
    until: Instant,
) -> Result<Vec<LookupReply>, Error> {
    let reply = hmget_while_moving(client, pair, wanted);
    let Ok(reply) = tokio::time::timeout_at(until.into(), reply).await else {
        client.connection.timed_out();
        return Err(Error::unavailable("the store did not answer in time"));
    };
    reply
}

/// While a slot moves, the redis crate's client gives up where requests that it redirects come together: an
/// `ASKING` is for the next command, whose ever that is.
async fn hmget_while_moving(
    client: &Client,
    pair: &Pair,
    wanted: &[EntryOf],
) -> Result<Vec<LookupReply>, Error> {
    let mut reply = client.hmget(&client.connection, pair, wanted).await;
    for _ in 1..ATTEMPTS {
        match reply {
            Err(error) if error.fault() == Fault::Moved => {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            reply => return reply,
        }
        reply = client.hmget_while_moving(pair, wanted).await;
    }
    reply
}
