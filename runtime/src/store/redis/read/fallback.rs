//! Reads that join: whatever has come together while earlier reads of a pair were on their way
//! goes out as one `HMGET`. There is no timer, so a lone caller waits for nobody.

pub(crate) mod lane;
pub(crate) mod lookup;
pub(crate) mod pipeline;
mod queue;

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::lane::{Lane, Transport};
use self::pipeline::Query;
pub(crate) use self::queue::Queue;
use self::queue::{QueuedRead, ReadTurn};
use super::Client;
use super::connection::manager::ConnectionManager;
use super::health::endpoint::{Pace, PacedResult};
use super::script::reply;
use super::write::hits;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::rt::background;
use crate::store::LookupReply;
use crate::store::Pair;

/// A read where this thread has no pipeline at hand.
pub(crate) async fn read_elsewhere(
    client: &Arc<Client>,
    ask: Query<'_>,
) -> PacedResult<LookupReply> {
    let Query { pair, field, wait } = ask;
    let shared = client.shared(pair);
    let found = match client.lanes.here(client, shared) {
        Some((lane, queue)) => match &lane.transport {
            Transport::Pipeline(pipeline) => {
                let seat =
                    poll_fn(|context| Poll::Ready(pipeline.enqueue(&ask, context.waker()))).await;
                let answer = match seat {
                    Some(Ok(seat)) => Some(seat.answer(wait).await),
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                };
                if let Some(answer) = answer.filter(|answer| !is_lost(answer)) {
                    return answer;
                }
                read_by_the_driver(client, &ask).await?
            }
            Transport::Manager(connection) => {
                read_in_lane(client, pair, &lane, connection, &queue, field, wait.until()).await?
            }
        },
        None => read_by_the_driver(client, &ask).await?,
    };
    if let Some(entry) = &found.entry
        && hits::is_alive(entry, found.now_us)
    {
        client.record_hits(pair, found.now_us, std::iter::once((field, 1)));
    }
    Ok((found, Pace::of(wait)))
}

/// Whether it says that the connection is lost, as an idle one may be at any time: the driver has
/// another.
pub(crate) fn is_lost<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(error) if error.fault() == Fault::Nothing)
}

async fn read_by_the_driver(client: &Arc<Client>, ask: &Query<'_>) -> Result<LookupReply, Error> {
    let &Query { pair, field, wait } = ask;
    let until = wait.until();
    let queue = &client.shared(pair).queue;
    let (tell, told) = oneshot::channel();
    if queue.join(QueuedRead { field, until, tell })? {
        let flight = ReaderGuard::new(queue.clone());
        background::spawn(read_batches(client.clone(), pair.clone(), None, flight))?;
    }
    answer_of(told).await
}

async fn answer_of(
    told: oneshot::Receiver<Result<LookupReply, Error>>,
) -> Result<LookupReply, Error> {
    told.await
        .unwrap_or_else(|_| Err(Error::unavailable("the read was given up")))
}

async fn read_in_lane(
    client: &Arc<Client>,
    pair: &Arc<Pair>,
    lane: &Arc<Lane>,
    connection: &ConnectionManager,
    queue: &Arc<Queue>,
    field: Field,
    until: Instant,
) -> Result<LookupReply, Error> {
    let (id, out_of_time) = match queue.place(field, until)? {
        ReadTurn::Lone(id, out_of_time) => (id, out_of_time),
        ReadTurn::Queued(told) => return answer_of(told).await,
    };
    let _relay = LoneReadGuard {
        client,
        pair,
        lane,
        queue,
        id,
    };
    let mut asked = pin!(ask(client, connection, pair, std::slice::from_ref(&field)));
    let mut out_of_time = pin!(out_of_time);
    let (now_us, mut entries) = poll_fn(|context| match asked.as_mut().poll(context) {
        Poll::Ready(answers) => Poll::Ready(answers),
        Poll::Pending => out_of_time
            .as_mut()
            .poll(context)
            .map(|_| Err(Error::unavailable("the store did not answer in time"))),
    })
    .await?;
    Ok(LookupReply {
        now_us,
        entry: entries.pop().flatten().map(Into::into),
        pair_ms: None,
    })
}

/// A caller that flies alone: at its end, however that comes, its place goes to those who wait.
struct LoneReadGuard<'a> {
    client: &'a Arc<Client>,
    pair: &'a Arc<Pair>,
    lane: &'a Arc<Lane>,
    queue: &'a Arc<Queue>,
    id: u64,
}

impl Drop for LoneReadGuard<'_> {
    fn drop(&mut self) {
        if !self.queue.leave(self.id) {
            return;
        }
        let flight = ReaderGuard::new(self.queue.clone());
        let lane = Some(self.lane.clone());
        let read_batches = read_batches(self.client.clone(), self.pair.clone(), lane, flight);
        // Dropped elsewhere, such as by the thread that shuts the runtime down.
        match Handle::try_current() {
            Ok(handle) if handle.id() == self.lane.id => drop(handle.spawn(read_batches)),
            _ => drop(background::spawn(read_batches)),
        }
    }
}

/// Reads until nobody waits: in a lane if it is given one.
async fn read_batches(
    client: Arc<Client>,
    pair: Arc<Pair>,
    lane: Option<Arc<Lane>>,
    mut flight: ReaderGuard,
) {
    loop {
        // Whoever was just told comes back with the next call: they go together, not one by one.
        if lane.is_some() {
            tokio::task::yield_now().await;
        }
        let Some(batch) = flight.queue.batch() else {
            break;
        };
        let until = batch.iter().map(|waiting| waiting.until).min();
        let until = until.unwrap_or_else(Instant::now);
        let (fields, places) = places(&batch);
        let connection = lane.as_ref().and_then(|lane| lane.connection());
        let answers = match connection {
            Some(connection) => ask(&client, connection, &pair, &fields).await,
            None => ask_in_time(&client, &pair, &fields, until).await,
        };
        tell(batch, places, answers);
    }
    flight.has_finished = true;
}

/// A place among the flights. One that ends without landing (it was never started, or panicked)
/// sends away whoever waits: nobody else might come for them.
struct ReaderGuard {
    queue: Arc<Queue>,
    has_finished: bool,
}

impl ReaderGuard {
    fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            has_finished: false,
        }
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        if !self.has_finished {
            let mut waiters = self.queue.waiters();
            waiters.flights -= 1;
            waiters.waiting.clear();
        }
    }
}

pub(crate) type HmgetReply = Result<(u64, Vec<Option<Vec<u8>>>), Error>;

/// Tells everybody in a batch what his field holds.
fn tell(batch: Vec<QueuedRead>, places: Vec<usize>, answers: HmgetReply) {
    let (now_us, mut entries) = match answers {
        Ok(answers) => answers,
        Err(error) => {
            for waiting in batch {
                let _ = waiting.tell.send(Err(error.again()));
            }
            return;
        }
    };
    // Down to the last of equal fields, which takes the entry without a copy.
    let mut left = vec![0u32; entries.len()];
    for &place in &places {
        left[place] += 1;
    }
    for (waiting, place) in batch.into_iter().zip(places) {
        left[place] -= 1;
        let entry = if left[place] == 0 {
            entries[place].take()
        } else {
            entries[place].clone()
        };
        // Whoever has gone away does not want to be told.
        let _ = waiting.tell.send(Ok(LookupReply {
            now_us,
            entry: entry.map(Into::into),
            pair_ms: None,
        }));
    }
}

/// The different fields of a batch, and which of them each caller waits for.
fn places(batch: &[QueuedRead]) -> (Vec<Field>, Vec<usize>) {
    if let [lone] = batch {
        return (vec![lone.field], vec![0]);
    }
    let mut known = HashMap::with_capacity(batch.len());
    let mut fields = Vec::with_capacity(batch.len());
    let places = batch.iter().map(|waiting| {
        *known.entry(waiting.field).or_insert_with(|| {
            fields.push(waiting.field);
            fields.len() - 1
        })
    });
    let places = places.collect();
    (fields, places)
}

async fn ask_in_time(client: &Client, pair: &Pair, fields: &[Field], until: Instant) -> HmgetReply {
    let asked = ask(client, &client.connection, pair, fields);
    let Ok(answers) = tokio::time::timeout_at(until.into(), asked).await else {
        client.connection.timed_out();
        return Err(Error::unavailable("the store did not answer in time"));
    };
    answers
}

pub(crate) async fn ask(
    client: &Client,
    connection: &ConnectionManager,
    pair: &Pair,
    fields: &[Field],
) -> HmgetReply {
    let mut pipe = redis::Pipeline::with_capacity(2);
    let get = pipe.cmd("HMGET").arg(&pair.values);
    for field in fields {
        get.arg(&field.0[..]);
    }
    // The clock that expiry is told by, in the same round trip.
    pipe.cmd("TIME");
    let replies = connection.send_all(&pipe).await;
    let [entries, time] = replies?.try_into().map_err(|_| reply::unexpected())?;
    let now_us = match client.clock.forced_us() {
        0 => reply::time_us(time)?,
        forced => forced,
    };
    let entries = reply::entries(entries)?;
    if entries.len() != fields.len() {
        return Err(reply::unexpected());
    }
    Ok((now_us, entries))
}
