//! One call of a cached method, from its arguments to its answer.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::codec;
use crate::entry::{self, Label, Verified};
use crate::error::{Error, ErrorKind};
use crate::field::{CallKey, KeyWriter};
use crate::method::{Bound, Method};
use crate::scope::Mode;
use crate::shape::{Shape, Value};
use crate::stats::Event;
use crate::store::redis::Blocked;
use crate::store::{Found, Put};

/// A call whose arguments have become a key.
#[derive(Debug)]
pub struct Call<'a> {
    cache: &'a Cache,
    bound: Option<Arc<Bound>>,
    key: Option<CallKey>,
    mode: Mode,
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
        let mut may_store = self.mode.write;
        if self.mode.read {
            match look_up(self.cache, bound, key, &mut budget).await {
                Looked::Hit(stored) => return S::join(stored),
                Looked::Miss => {}
                Looked::Failed => may_store = false,
            }
        }

        self.count(Event::exec);
        let started = Instant::now();
        let returned = method().await;
        let cost = started.elapsed();

        // What is not to be stored is handed back at once: `E` need not be `Send`.
        let stored = match S::split(returned) {
            Ok(stored) => stored,
            Err(returned) => return returned,
        };
        if may_store {
            // Encoded before the wait, so that the value need not be `Sync`.
            let entry = encode(self.cache, bound, key, &stored, cost);
            commit(self.cache, bound, entry, &mut budget).await;
        }
        S::join(stored)
    }

    /// [`run`](Self::run) for a sync method: the same, on a thread that waits.
    pub fn run_blocking<S, R>(self, shape: S, method: impl FnOnce() -> R) -> R
    where
        S: Shape<R>,
        S::Stored: Value,
    {
        let _blocked = Blocked::enter();
        pollster::block_on(self.run(shape, || async { method() }))
    }

    pub(crate) fn into_parts(self) -> Result<(&'a Cache, Arc<Bound>, CallKey), Error> {
        let Some(bound) = self.bound else {
            return Err(Error::config(
                "the options of the method do not fit the store, so it is not cached",
            ));
        };
        match self.key {
            Some(key) => Ok((self.cache, bound, key)),
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
        .spend(|left| cache.store().get(&bound.pair, key.field, left))
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

/// The time that one call may spend on the store, all its requests together.
struct Budget {
    left: Duration,
}

impl Budget {
    fn new(left: Duration) -> Self {
        Self { left }
    }

    async fn spend<T, Fut>(&mut self, request: impl FnOnce(Duration) -> Fut) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, Error>>,
    {
        let started = Instant::now();
        let result = request(self.left).await;
        self.left = self.left.saturating_sub(started.elapsed());
        result
    }
}
