//! A reader: a task that reads for all callers in a [queue](super::queue), batch after batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hmget::HmgetReply;
use super::lane::Lane;
use super::queue::{QueuedRead, ReadQueue};
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::store::redis::client::Client;
use crate::store::{LookupReply, Pair};

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
        let (fields, positions) = distinct_fields(&batch);
        let connection = lane.as_ref().and_then(|lane| lane.connection());
        let reply = match connection {
            Some(connection) => client.hmget(connection, &pair, &fields).await,
            None => hmget_in_time(&client, &pair, &fields, until).await,
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
fn deliver(batch: Vec<QueuedRead>, positions: Vec<usize>, reply: HmgetReply) {
    let (now_us, mut entries) = match reply {
        Ok(reply) => reply,
        Err(error) => {
            for read in batch {
                let _ = read.reply.send(Err(error.again()));
            }
            return;
        }
    };
    // Down to the last of equal fields, which takes the entry without a copy.
    let mut left = vec![0u32; entries.len()];
    for &position in &positions {
        left[position] += 1;
    }
    for (read, position) in batch.into_iter().zip(positions) {
        left[position] -= 1;
        let entry = if left[position] == 0 {
            entries[position].take()
        } else {
            entries[position].clone()
        };
        // It fails where the caller was dropped.
        let _ = read.reply.send(Ok(LookupReply {
            now_us,
            entry: entry.map(Into::into),
            pair_ms: None,
        }));
    }
}

/// The different fields of a batch, and which of them each caller waits for.
fn distinct_fields(batch: &[QueuedRead]) -> (Vec<Field>, Vec<usize>) {
    if let [lone] = batch {
        return (vec![lone.field], vec![0]);
    }
    let mut known = HashMap::with_capacity(batch.len());
    let mut fields = Vec::with_capacity(batch.len());
    let positions = batch.iter().map(|read| {
        *known.entry(read.field).or_insert_with(|| {
            fields.push(read.field);
            fields.len() - 1
        })
    });
    let positions = positions.collect();
    (fields, positions)
}

async fn hmget_in_time(
    client: &Client,
    pair: &Pair,
    fields: &[Field],
    until: Instant,
) -> HmgetReply {
    let reply = hmget_while_moving(client, pair, fields);
    let Ok(reply) = tokio::time::timeout_at(until.into(), reply).await else {
        client.connection.timed_out();
        return Err(Error::unavailable("the store did not answer in time"));
    };
    reply
}

/// While a slot moves, the redis crate's client gives up where requests that it redirects come together: an
/// `ASKING` is for the next command, whose ever that is.
async fn hmget_while_moving(client: &Client, pair: &Pair, fields: &[Field]) -> HmgetReply {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let reply = client.hmget(&client.connection, pair, fields).await;
        match reply {
            Err(error) if error.fault() == Fault::Moved && left > 0 => {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            reply => return reply,
        }
    }
}
