//! Reads that join: whatever has come together while earlier reads of a pair were on their way
//! goes out as one `HMGET`. There is no timer, so a lone caller waits for nobody.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::oneshot;

use super::pair::PairShared;
use super::{Inner, driver, fault, reply};
use crate::error::Error;
use crate::field::Field;
use crate::method::Pair;
use crate::store::Found;

/// Reads of one pair on their way at the same time.
const FLIGHTS: usize = 2;
/// Fields of one read.
const BATCH: usize = 256;
/// Callers that may wait for one pair; more than that are turned away.
const WAITING: usize = 16_384;

/// Who waits for a read of the pair.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    waiting: Vec<Waiting>,
    flights: usize,
}

#[derive(Debug)]
struct Waiting {
    field: Field,
    until: Instant,
    tell: oneshot::Sender<Result<Found, Error>>,
}

/// Waits for the entry of a field, read together with others.
pub(super) async fn read(
    inner: &Arc<Inner>,
    pair: &Arc<Pair>,
    field: Field,
    deadline: Duration,
) -> Result<Found, Error> {
    let shared = inner.shared(pair);
    let (tell, told) = oneshot::channel();
    let starts = shared.queue.join(Waiting {
        field,
        until: Instant::now() + deadline,
        tell,
    })?;
    if starts {
        let flight = Flight {
            shared: shared.clone(),
            has_landed: false,
        };
        driver::spawn(fly(inner.clone(), pair.clone(), flight))?;
    }
    told.await
        .unwrap_or_else(|_| Err(Error::unavailable("the read was given up")))
}

/// Reads until nobody waits.
async fn fly(inner: Arc<Inner>, pair: Arc<Pair>, mut flight: Flight) {
    while let Some(batch) = flight.shared.queue.batch() {
        answer(batch, |fields, until| ask(&inner, &pair, fields, until)).await;
    }
    flight.has_landed = true;
}

/// A place among the flights. One that ends without landing (it was never started, or panicked)
/// sends away whoever waits: nobody else might come for them.
struct Flight {
    shared: Arc<PairShared>,
    has_landed: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.has_landed {
            let mut waiters = self.shared.queue.waiters();
            waiters.flights -= 1;
            waiters.waiting.clear();
        }
    }
}

impl Queue {
    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line; `true` if a flight has to start.
    fn join(&self, waiting: Waiting) -> Result<bool, Error> {
        let mut waiters = self.waiters();
        if waiters.waiting.len() >= WAITING {
            return Err(Error::unavailable("too many calls wait for the store"));
        }
        waiters.waiting.push(waiting);
        let starts = waiters.flights < FLIGHTS;
        waiters.flights += usize::from(starts);
        Ok(starts)
    }

    /// Who waits now, up to a bound; if nobody does, the flight is over.
    fn batch(&self) -> Option<Vec<Waiting>> {
        let mut waiters = self.waiters();
        if waiters.waiting.is_empty() {
            waiters.flights -= 1;
            return None;
        }
        let most = waiters.waiting.len().min(BATCH);
        let rest = waiters.waiting.split_off(most);
        Some(std::mem::replace(&mut waiters.waiting, rest))
    }
}

type Answers = Result<(u64, Vec<Option<Vec<u8>>>), Error>;

/// Asks once for each field and tells everybody who waits for it.
async fn answer<F: Future<Output = Answers>>(
    batch: Vec<Waiting>,
    ask: impl FnOnce(Vec<Field>, Instant) -> F,
) {
    let until = batch
        .iter()
        .map(|waiting| waiting.until)
        .min()
        .unwrap_or_else(Instant::now);
    let (fields, places) = places(&batch);
    match ask(fields, until).await {
        Ok((now_us, mut entries)) => {
            // From the last, so that the first of equal fields takes the entry without a copy.
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
                let _ = waiting.tell.send(Ok(Found {
                    now_us,
                    entry,
                    pair_ms: None,
                }));
            }
        }
        Err(error) => {
            for waiting in batch {
                let _ = waiting.tell.send(Err(error.again()));
            }
        }
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

async fn ask(inner: &Inner, pair: &Pair, fields: Vec<Field>, until: Instant) -> Answers {
    let mut get = redis::cmd("HMGET");
    get.arg(&pair.values);
    for field in &fields {
        get.arg(&field.0[..]);
    }
    let replies = tokio::time::timeout_at(until.into(), inner.link.send_with_time(&get)).await;
    if replies.is_err() {
        inner.link.timed_out();
    }
    let Ok(replies) = replies else {
        return Err(Error::unavailable("the store did not answer in time"));
    };
    let (entries, time) = replies.map_err(|error| fault::error(&error))?;
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

/// A reply to `HMGET` and one to `TIME`.
pub(super) type WithTime = redis::RedisResult<(Value, Value)>;
