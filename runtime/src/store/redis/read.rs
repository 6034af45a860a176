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

use self::lane::{Lane, Road};
use self::pipeline::Ask;
pub(crate) use self::queue::Queue;
use self::queue::{Place, Waiting};
use super::Inner;
use super::connection::manager::Link;
use super::health::endpoint::{Pace, Paced};
use super::script::reply;
use super::write::hits;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::rt::background;
use crate::store::LookupReply;
use crate::store::Pair;

/// A read where this thread has no wire at hand.
pub(crate) async fn read_otherwise(inner: &Arc<Inner>, ask: Ask<'_>) -> Paced<LookupReply> {
    let Ask { pair, field, wait } = ask;
    let shared = inner.shared(pair);
    let found = match inner.lanes.here(inner, shared) {
        Some((lane, queue)) => match &lane.road {
            Road::Wire(wire) => {
                let seat = poll_fn(|context| Poll::Ready(wire.seat(&ask, context.waker()))).await;
                let answer = match seat {
                    Some(Ok(seat)) => Some(seat.answer(wait).await),
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                };
                if let Some(answer) = answer.filter(|answer| !is_lost(answer)) {
                    return answer;
                }
                read_by_the_driver(inner, &ask).await?
            }
            Road::Link(link) => {
                read_in_lane(inner, pair, &lane, link, &queue, field, wait.until()).await?
            }
        },
        None => read_by_the_driver(inner, &ask).await?,
    };
    if let Some(entry) = &found.entry
        && hits::is_alive(entry, found.now_us)
    {
        inner.touch(pair, found.now_us, std::iter::once((field, 1)));
    }
    Ok((found, Pace::of(wait)))
}

/// Whether it says that the connection is lost, as an idle one may be at any time: the driver has
/// another.
pub(crate) fn is_lost<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(error) if error.fault() == Fault::Nothing)
}

async fn read_by_the_driver(inner: &Arc<Inner>, ask: &Ask<'_>) -> Result<LookupReply, Error> {
    let &Ask { pair, field, wait } = ask;
    let until = wait.until();
    let queue = &inner.shared(pair).queue;
    let (tell, told) = oneshot::channel();
    if queue.join(Waiting { field, until, tell })? {
        let flight = Flight::new(queue.clone());
        background::spawn(fly(inner.clone(), pair.clone(), None, flight))?;
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
    inner: &Arc<Inner>,
    pair: &Arc<Pair>,
    lane: &Arc<Lane>,
    link: &Link,
    queue: &Arc<Queue>,
    field: Field,
    until: Instant,
) -> Result<LookupReply, Error> {
    let (id, out_of_time) = match queue.place(field, until)? {
        Place::Alone(id, out_of_time) => (id, out_of_time),
        Place::Waits(told) => return answer_of(told).await,
    };
    let _relay = Relay {
        inner,
        pair,
        lane,
        queue,
        id,
    };
    let mut asked = pin!(ask(inner, link, pair, std::slice::from_ref(&field)));
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
struct Relay<'a> {
    inner: &'a Arc<Inner>,
    pair: &'a Arc<Pair>,
    lane: &'a Arc<Lane>,
    queue: &'a Arc<Queue>,
    id: u64,
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        if !self.queue.leave(self.id) {
            return;
        }
        let flight = Flight::new(self.queue.clone());
        let lane = Some(self.lane.clone());
        let fly = fly(self.inner.clone(), self.pair.clone(), lane, flight);
        // Dropped elsewhere, such as by the thread that shuts the runtime down.
        match Handle::try_current() {
            Ok(handle) if handle.id() == self.lane.id => drop(handle.spawn(fly)),
            _ => drop(background::spawn(fly)),
        }
    }
}

/// Reads until nobody waits: in a lane if it is given one.
async fn fly(inner: Arc<Inner>, pair: Arc<Pair>, lane: Option<Arc<Lane>>, mut flight: Flight) {
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
        let link = lane.as_ref().and_then(|lane| lane.link());
        let answers = match link {
            Some(link) => ask(&inner, link, &pair, &fields).await,
            None => ask_in_time(&inner, &pair, &fields, until).await,
        };
        tell(batch, places, answers);
    }
    flight.has_landed = true;
}

/// A place among the flights. One that ends without landing (it was never started, or panicked)
/// sends away whoever waits: nobody else might come for them.
struct Flight {
    queue: Arc<Queue>,
    has_landed: bool,
}

impl Flight {
    fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            has_landed: false,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.has_landed {
            let mut waiters = self.queue.waiters();
            waiters.flights -= 1;
            waiters.waiting.clear();
        }
    }
}

pub(crate) type Answers = Result<(u64, Vec<Option<Vec<u8>>>), Error>;

/// Tells everybody in a batch what his field holds.
fn tell(batch: Vec<Waiting>, places: Vec<usize>, answers: Answers) {
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
fn places(batch: &[Waiting]) -> (Vec<Field>, Vec<usize>) {
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

async fn ask_in_time(inner: &Inner, pair: &Pair, fields: &[Field], until: Instant) -> Answers {
    let asked = ask(inner, &inner.link, pair, fields);
    let Ok(answers) = tokio::time::timeout_at(until.into(), asked).await else {
        inner.link.timed_out();
        return Err(Error::unavailable("the store did not answer in time"));
    };
    answers
}

pub(crate) async fn ask(inner: &Inner, link: &Link, pair: &Pair, fields: &[Field]) -> Answers {
    let mut pipe = redis::Pipeline::with_capacity(2);
    let get = pipe.cmd("HMGET").arg(&pair.values);
    for field in fields {
        get.arg(&field.0[..]);
    }
    // The clock that expiry is told by, in the same round trip.
    pipe.cmd("TIME");
    let replies = link.send_all(&pipe).await;
    let [entries, time] = replies?.try_into().map_err(|_| reply::unexpected())?;
    let now_us = match inner.clock.forced_us() {
        0 => reply::time_us(time)?,
        forced => forced,
    };
    let entries = reply::entries(entries)?;
    if entries.len() != fields.len() {
        return Err(reply::unexpected());
    }
    Ok((now_us, entries))
}
