//! One call of a cached method, from its arguments to its answer.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::blocking;
use crate::budget::Budget;
use crate::cache::Cache;
use crate::codec;
use crate::entry::{self, Label, Verified};
use crate::error::{Error, ErrorKind};
use crate::field::{CallKey, KeyWriter};
use crate::flight::{Landed, Lead, Place, Told};
use crate::method::{Binding, Bound, Method};
use crate::scope::{self, Frame, Mode, Scope};
use crate::shape::{Shape, Value};
use crate::stats::Event;
use crate::store::redis::Blocked;
use crate::store::{Found, Put};

/// A call whose arguments have become a key.
#[derive(Debug)]
pub struct Call<'a> {
    cache: &'a Cache,
    bound: Option<Binding>,
    key: Option<CallKey>,
    mode: Mode,
}

/// What is to be done for a call.
enum Answer<T> {
    Found(T),
    /// Run the method: for others as well, with the lead.
    Compute {
        lead: Option<Lead>,
        may_store: bool,
    },
}

impl<T> Answer<T> {
    fn alone(may_store: bool) -> Self {
        Self::Compute {
            lead: None,
            may_store,
        }
    }
}

/// What a look-up came to.
enum Looked<T> {
    Hit(T),
    Miss,
    /// The store is in trouble: it is not asked again for this call.
    Failed,
}

impl<'a> Call<'a> {
    /// Takes a call down; `write` names what tells it from other calls of the method.
    pub fn new(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, cache.mode(), write)
    }

    fn with_mode(
        cache: &'a Cache,
        method: &'static Method,
        mode: Mode,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        let bound = cache.bind(method);
        let wanted = bound.as_ref().filter(|_| mode.read || mode.write);
        let key = wanted.and_then(|bound| match bound.key.call(write) {
            Ok(key) => Some(key),
            Err(_) => {
                tracing::warn!(
                    method = method.site(),
                    "redis-func-cache: the arguments cannot be a key"
                );
                None
            }
        });
        Self {
            cache,
            bound,
            key,
            mode,
        }
    }

    /// A call for its entry alone, whatever mode is on.
    pub fn of_entry(
        cache: &'a Cache,
        method: &'static Method,
        write: impl FnOnce(&mut KeyWriter),
    ) -> Self {
        Self::with_mode(cache, method, Mode::default(), write)
    }

    /// Answers the call: from the cache, or by running the method and storing what it returned.
    pub async fn run<S, R, Fut>(self, _shape: S, method: impl FnOnce() -> Fut) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
        Fut: Future<Output = R>,
    {
        self.count(Event::count);
        let Some((bound, key)) = self.bound.as_deref().zip(self.key) else {
            self.count(Event::bypass);
            self.count(Event::exec);
            return method().await;
        };

        let mut budget = Budget::new(self.cache.limits().deadline);
        let (mut lead, may_store) = match self.answer(bound, key, &mut budget).await {
            Answer::Found(stored) => return S::join(stored),
            Answer::Compute { lead, may_store } => (lead, may_store),
        };

        self.count(Event::exec);
        let started = Instant::now();
        let returned = match &lead {
            Some(_) => {
                let scope = Scope::new(self.cache.id(), Frame::Computing(key.field));
                scope.run(method()).await
            }
            None => method().await,
        };
        let cost = started.elapsed();

        // What is not to be stored is handed back at once: `E` need not be `Send`.
        let stored = match S::split(returned) {
            Ok(stored) => stored,
            Err(returned) => {
                if let Some(lead) = lead {
                    lead.failed();
                }
                return returned;
            }
        };
        bound.took(cost);
        if may_store || lead.as_ref().is_some_and(Lead::has_followers) {
            // Encoded before the wait, so that the value need not be `Sync`.
            let entry = encode(self.cache, bound, key, &stored, cost);
            lead = lead.and_then(|lead| share(lead, &entry));
            if may_store && !lead.as_ref().is_some_and(Lead::is_detached) {
                commit(self.cache, bound, entry, &mut budget).await;
            }
        }
        // Now: who misses from here on finds the entry.
        drop(lead);
        S::join(stored)
    }

    /// A value that is there, or comes from another call of this process; else what to do.
    async fn answer<T: Value>(
        &self,
        bound: &Bound,
        key: CallKey,
        budget: &mut Budget,
    ) -> Answer<T> {
        let mut may_store = self.mode.write;
        if !self.mode.read {
            return Answer::alone(may_store);
        }
        let flights = self.cache.flights();
        let landings = flights.landings(key.field);
        match look_up(self.cache, bound, key, budget).await {
            Looked::Hit(stored) => return Answer::Found(stored),
            Looked::Miss => {}
            Looked::Failed => may_store = false,
        }
        // Who computes this very value would wait for itself.
        if !self.mode.write || scope::computes(self.cache.id(), key.field) {
            return Answer::alone(may_store);
        }
        let told = match flights.join(key.field, bound.patience()) {
            Place::Leads(lead) => Ok(Told::Lead(lead)),
            Place::Follows(told) => told.await,
        };
        let lead = match told {
            Ok(Told::Landed(Some(landed))) => {
                let Some(stored) = self.decode(bound, &landed) else {
                    return Answer::alone(may_store);
                };
                self.count(Event::coalesced);
                return Answer::Found(stored);
            }
            Ok(Told::Landed(None)) => None,
            Ok(Told::Lead(lead)) if flights.landings(key.field) == landings => {
                let lead = Some(lead);
                return Answer::Compute { lead, may_store };
            }
            Ok(Told::Lead(lead)) => Some(lead),
            Err(_) => return Answer::alone(may_store),
        };
        // A value may have been stored since the look-up.
        if may_store {
            match look_up(self.cache, bound, key, budget).await {
                Looked::Hit(stored) => return Answer::Found(stored),
                Looked::Miss => {}
                Looked::Failed => may_store = false,
            }
        }
        Answer::Compute { lead, may_store }
    }

    fn decode<T: Value>(&self, bound: &Bound, landed: &Landed) -> Option<T> {
        let limit = self.cache.limits().max_entry_bytes;
        let payload = codec::decompress(&landed.payload, landed.flags, limit).ok()?;
        bound.codec.decode(&payload).ok()
    }

    /// [`run`](Self::run) for a sync method: the same, on a thread that waits.
    pub fn run_blocking<S, R>(self, shape: S, method: impl FnOnce() -> R) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let _blocked = Blocked::enter();
        blocking::wait(self.run(shape, || async { method() }))
    }

    pub(crate) fn into_parts(self) -> Result<(&'a Cache, Arc<Bound>, CallKey), Error> {
        let Some(bound) = self.bound else {
            return Err(Error::config(
                "the options of the method do not fit the store, so it is not cached",
            ));
        };
        match self.key {
            Some(key) => Ok((self.cache, bound.into_arc(), key)),
            None => Err(Error::new(
                ErrorKind::Key,
                "the arguments cannot be a key: their `Serialize` failed",
            )),
        }
    }

    fn count(&self, event: Event) {
        self.cache.count(self.bound.as_deref(), event, 1);
    }
}

async fn look_up<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    budget: &mut Budget,
) -> Looked<T> {
    cache.count(Some(bound), Event::read, 1);
    let looked = budget
        .spend(|left| cache.get(&bound.pair, key.field, left))
        .await;
    let found = match looked {
        Ok(found) => found,
        Err(error) => {
            failed(cache, bound, &error);
            cache.count(Some(bound), Event::miss, 1);
            return Looked::Failed;
        }
    };
    match read(cache, bound, key, &found) {
        Some(stored) => {
            cache.count(Some(bound), Event::hit, 1);
            Looked::Hit(stored)
        }
        None => {
            cache.count(Some(bound), Event::miss, 1);
            Looked::Miss
        }
    }
}

/// The value of an entry, if it is whole, of this very call, alive, and readable.
pub(crate) fn read<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    found: &Found,
) -> Option<T> {
    let bytes = found.entry.as_deref()?;
    let Some(verified) = verify(bound, key, bytes) else {
        cache.count(Some(bound), Event::undecodable, 1);
        return None;
    };
    if is_past(verified.times.hard_ms, found.now_us / 1000) {
        return None;
    }
    let limit = cache.limits().max_entry_bytes;
    let value = codec::decompress(verified.payload, verified.label.flags, limit)
        .and_then(|payload| bound.codec.decode(&payload));
    if value.is_err() {
        cache.count(Some(bound), Event::undecodable, 1);
    }
    value.ok()
}

/// The header of an entry, if every byte is as it was written and it belongs to this call.
pub(crate) fn verify<'e>(bound: &Bound, key: CallKey, bytes: &'e [u8]) -> Option<Verified<'e>> {
    entry::verify(bytes).filter(|verified| {
        let label = verified.label;
        label.identity == key.identity
            && label.method == bound.tag
            && label.codec == bound.codec.id()
    })
}

pub(crate) fn is_past(instant_ms: u64, now_ms: u64) -> bool {
    instant_ms > 0 && instant_ms <= now_ms
}

/// The entry for a value, or why it cannot be one.
pub(crate) fn encode<T: Value>(
    cache: &Cache,
    bound: &Bound,
    key: CallKey,
    value: &T,
    cost: Duration,
) -> Result<Put, Error> {
    let limits = cache.limits();
    let mut tail = entry::tail();
    bound
        .codec
        .encode(value, &mut tail)
        .map_err(|_| Error::new(ErrorKind::Encode, "the codec cannot encode the value"))?;
    let bytes = entry::payload_len(&tail);
    if bytes > limits.max_entry_bytes {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "the value has {bytes} bytes, more than `max_entry_bytes`, {}",
                limits.max_entry_bytes
            ),
        ));
    }
    let flags = codec::compress(&mut tail, entry::PAYLOAD_IN_TAIL, limits.compress_above);
    let label = Label {
        codec: bound.codec.id(),
        flags,
        identity: key.identity,
        method: bound.tag,
        cost_us: u32::try_from(cost.as_micros()).unwrap_or(u32::MAX),
    };
    Ok(Put {
        field: key.field,
        entry: entry::seal(label, tail)
            .ok_or_else(|| Error::new(ErrorKind::TooLarge, "the value has over 4 GiB"))?,
        ttl_ms: bound.ttl_ms,
    })
}

/// Beyond this size followers read the value from the store, instead of one more copy of it.
const SHARED: usize = 64 << 10;

/// Prepares what followers are given; a value that cannot be an entry is none for them either.
fn share(mut lead: Lead, entry: &Result<Put, Error>) -> Option<Lead> {
    let Ok(put) = entry else {
        lead.failed();
        return None;
    };
    let payload = &put.entry.tail[entry::PAYLOAD_IN_TAIL..];
    let is_shared = payload.len() <= SHARED || lead.has_followers();
    lead.computed(is_shared.then(|| {
        Arc::new(Landed {
            flags: put.entry.head[2],
            payload: payload.to_vec(),
        })
    }));
    Some(lead)
}

async fn commit(cache: &Cache, bound: &Bound, entry: Result<Put, Error>, budget: &mut Budget) {
    let result = match entry {
        Ok(put) => {
            budget
                .spend(|left| cache.store().put(&bound.pair, put, left))
                .await
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(evicted) => {
            cache.count(Some(bound), Event::write, 1);
            cache.count(Some(bound), Event::evicted, evicted);
        }
        Err(error) => failed(cache, bound, &error),
    }
}

fn failed(cache: &Cache, bound: &Bound, error: &Error) {
    cache.count(Some(bound), Event::error, 1);
    tracing::debug!(method = bound.site, kind = %error.kind(), %error, "redis-func-cache: the cache failed, the method runs");
}
