//! The embedded store: no server, the same results. It is also the executable model of the Lua.
//!
//! It imports what all stores do. This file is the [`Store`] contract; start with [`pair`], the keys of one
//! pair, and [`ranking`], its policy; [`content`] is all pairs of a cache.

mod content;
mod methods;
mod pair;
mod ranking;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;

use self::content::{Content, MemoryLease, Now};
use self::pair::{MemoryPair, steps};
use self::ranking::Ranking;
use super::{
    Clock, EndedTags, EntryOf, ExpectedEntry, KeySpace, LeaseOutcome, LeaseRequest, Listener,
    Listeners, LookupReply, OfBuilds, OnHeldLease, Put, PutDone, PutOutcome, RawEntry, ServerTime,
    Store, StoreHealth, StoreView, TagEnd, Token,
};
use crate::entry::header::Origin;
use crate::error::{Error, ErrorKind};
use crate::key::digest::{Field, Fields};
use crate::store::Pair;

/// All pairs of one cache, behind one lock: an operation is as atomic as a script.
pub(crate) struct Memory {
    clock: Clock,
    /// By the clock of the runtime, which tests may pause.
    started: Instant,
    started_us: u64,
    content: Mutex<Content>,
    closed: AtomicBool,
}

impl Memory {
    pub(crate) fn new(clock: Clock) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            clock,
            started: Instant::now(),
            started_us: micros(since_epoch),
            content: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn in_child(&self) -> Self {
        // A thread that held the lock at the fork does not exist in the child, so then the child begins
        // with nothing. It has no computations of its parent's.
        let content = self.content.try_lock().ok().map(|mut of_parent| Content {
            pairs: std::mem::take(&mut of_parent.pairs),
            methods: std::mem::take(&mut of_parent.methods),
            tags: std::mem::take(&mut of_parent.tags),
            ..Content::default()
        });
        Self {
            clock: self.clock.clone(),
            started: self.started,
            started_us: self.started_us,
            content: Mutex::new(content.unwrap_or_default()),
            closed: AtomicBool::new(self.closed.load(Ordering::Relaxed)),
        }
    }

    fn content(&self) -> Result<MutexGuard<'_, Content>, Error> {
        Ok(self.content_now()?.0)
    }

    fn content_now(&self) -> Result<(MutexGuard<'_, Content>, Now), Error> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Closed, "the cache is closed"));
        }
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let own_us = self.started_us + micros(self.started.elapsed()) + self.clock.ahead_us();
        let now = Now {
            own_us,
            us: match self.clock.forced_us() {
                0 => own_us,
                forced => forced,
            },
        };
        // There is one pair a method at the most: a look at all of them is cheap.
        content
            .pairs
            .retain(|_, pair| pair.ends_us.is_none_or(|ends_us| ends_us > own_us));
        Ok((content, now))
    }

    /// Stores entries of different fields in one step. What was evicted for all is counted by the first one.
    fn store(&self, pair: &Arc<Pair>, puts: &[&Put]) -> Result<Vec<PutOutcome>, Error> {
        let policy = pair.policy.in_memory()?;
        let (mut guard, now) = self.content_now()?;
        let content = &mut *guard;
        let schedule = content.sweeps.entry(pair.stem.clone()).or_default();
        let due = puts.iter().filter(|put| schedule.is_due(put.hard_ms > 0));
        let is_sweep = due.count() > 0;
        let is_current = |put: &&Put| {
            let is_held = put.token.is_none() || put.token == content.lease(&pair.stem, put.field);
            let tags = content.tags.view(&put.tags);
            is_held && !tags.is_some_and(|tags| tags.is_invalidated(put.origin.began))
        };
        let mut outcomes: Vec<_> = puts
            .iter()
            .map(|put| {
                if is_current(put) {
                    PutOutcome::Stored(0)
                } else {
                    PutOutcome::Fenced
                }
            })
            .collect();
        let current: Vec<&Put> = puts.iter().copied().filter(is_current).collect();
        content.end_leases_of(&pair.stem, puts);
        let Some(first) = outcomes
            .iter_mut()
            .find(|outcome| **outcome != PutOutcome::Fenced)
        else {
            return Ok(outcomes);
        };
        let memory = content
            .pairs
            .entry(pair.stem.clone())
            .or_insert_with(|| MemoryPair {
                ranking: Ranking::new(policy.clone()),
                values: Fields::default(),
                ends_us: None,
            });
        let sweeps = is_sweep.then(|| content.methods.entry(pair.stem.clone()).or_default());
        let sweeps = sweeps.as_deref();
        let (evicted, swept) = memory.put_all(&current, pair.maxsize.get(), now.us, sweeps);
        let longest_ms = puts.iter().map(|put| put.hard_ms).max();
        memory.keep_alive(
            pair.structure,
            longest_ms.unwrap_or_default(),
            now.own_us,
            false,
        );
        if is_sweep
            && swept != Some(0)
            && let Some(schedule) = content.sweeps.get(&pair.stem)
        {
            schedule.again();
        }
        *first = PutOutcome::Stored(evicted);
        Ok(outcomes)
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        _deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let (mut content, now) = self.content_now()?;
        Ok(content.read(now, pair, wanted.field, &wanted.tags))
    }

    fn is_immediate(&self) -> bool {
        true
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        _deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let (content, now) = self.content_now()?;
        let memory = content.pairs.get(&pair.stem);
        let left = |memory: &MemoryPair| Some(memory.ends_us?.saturating_sub(now.own_us) / 1000);
        let entry = memory
            .and_then(|memory| Some(RawEntry::Own(memory.values.get(&wanted.field)?.clone())));
        Ok(LookupReply {
            pair_ms: memory.and_then(left),
            ..LookupReply::new(now.us, content.epoch(pair), entry)
                .with_tags(content.tags.view(&wanted.tags))
        })
    }

    fn put(&self, pair: &Arc<Pair>, put: Put, done: PutDone) {
        self.put_all(pair, vec![(put, done)]);
    }

    fn put_all(&self, pair: &Arc<Pair>, puts: Vec<(Put, PutDone)>) {
        for step in steps(&pair.policy, puts) {
            let (puts, done): (Vec<_>, Vec<_>) = step.into_iter().unzip();
            match self.store(pair, &puts.iter().collect::<Vec<_>>()) {
                Ok(outcomes) => {
                    let each = done.into_iter().zip(outcomes);
                    each.for_each(|(done, outcome)| done.finish(Ok(outcome)));
                }
                Err(error) => {
                    for done in done {
                        done.finish(Err(error.again()));
                    }
                }
            }
        }
    }

    async fn acquire_lease(
        &self,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        _deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        let (mut content, now) = self.content_now()?;
        let stored = content
            .pairs
            .get(&pair.stem)
            .and_then(|memory| memory.values.get(&request.field));
        let is_wanted = stored.is_some_and(|entry| request.accept.accepts(entry));
        if is_wanted {
            let found = content.lookup(now, pair, request.field, &request.tags);
            if found.entry.is_some() {
                return Ok(LeaseOutcome::Hit(found));
            }
        }
        if request.on_held == OnHeldLease::Wait
            && let Some(holder) = content.lease(&pair.stem, request.field)
        {
            // The lease lives as long as its computation.
            let left = Duration::ZERO;
            return Ok(LeaseOutcome::Held { left, holder });
        }
        let lease = MemoryLease {
            token: request.token,
            method: pair.method,
            epoch: content.register(pair, request.field.build()),
        };
        let leases = content.leases.entry(pair.stem.clone()).or_default();
        leases.insert(request.field, lease);
        let tags = content.tags.view(&request.tags);
        Ok(LeaseOutcome::Granted(StoreView {
            at: ServerTime::of_reply(now.us),
            origin: Origin {
                epoch: lease.epoch,
                began: tags.map_or(0, |tags| tags.now),
            },
        }))
    }

    async fn is_current(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        _deadline: Duration,
    ) -> Result<bool, Error> {
        Ok(self.content()?.lease(&pair.stem, field) == Some(token))
    }

    fn release_lease(&self, pair: &Arc<Pair>, field: Field, token: Token, _pause: Duration) {
        if let Ok(mut content) = self.content()
            && content.lease(&pair.stem, field) == Some(token)
        {
            content.end_lease(&pair.stem, field);
        }
    }

    fn forget_lease(&self, _token: Token) {}

    fn listen(&self, _pair: &Arc<Pair>, field: Field) -> Listener {
        Arc::<Listeners>::default().listen(field)
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        of: OfBuilds,
        _deadline: Duration,
    ) -> Result<u64, Error> {
        let mut content = self.content()?;
        let methods = content.methods.entry(pair.stem.clone()).or_default();
        let of_builds = |field: &Field| methods.fields(pair.method, *field);
        let is_named = |field: &Field| of == OfBuilds::All || !fields.contains(field);
        let fields = fields.iter().flat_map(of_builds).filter(is_named);
        let fields: Vec<_> = fields.collect();
        for &field in &fields {
            content.end_lease(&pair.stem, field);
        }
        let Some(memory) = content.pairs.get_mut(&pair.stem) else {
            return Ok(0);
        };
        let removed = fields
            .into_iter()
            .filter(|&field| memory.remove(field))
            .count();
        content.forget_if_empty(&pair.stem);
        Ok(removed as u64)
    }

    fn discard(&self, pair: &Arc<Pair>, field: Field, expected: ExpectedEntry<'_>) {
        let Ok(mut content) = self.content() else {
            return;
        };
        let Some(memory) = content.pairs.get_mut(&pair.stem) else {
            return;
        };
        let is_expected = memory
            .values
            .get(&field)
            .is_some_and(|entry| match expected {
                ExpectedEntry::Bytes(bytes) => entry == bytes,
                ExpectedEntry::Length(length) => entry.len() == length,
            });
        if is_expected {
            memory.remove(field);
            content.forget_if_empty(&pair.stem);
        }
    }

    async fn delete_method(&self, pair: &Arc<Pair>, owns_pair: bool) -> Result<(), Error> {
        let mut content = self.content()?;
        content.begin_epoch(pair);
        if owns_pair {
            content.pairs.remove(&pair.stem);
        }
        Ok(())
    }

    async fn end_tags(
        &self,
        _keys: &KeySpace,
        tags: &EndedTags,
        end: TagEnd,
    ) -> Result<u64, Error> {
        let mut content = self.content()?;
        Ok(match tags {
            EndedTags::All => content.tags.forget_all(),
            EndedTags::Of(tags) => content.tags.end(tags, end),
        })
    }

    async fn len(&self, _keys: &KeySpace) -> Result<u64, Error> {
        Ok(self
            .content()?
            .pairs
            .values()
            .map(|memory| memory.ranking.len() as u64)
            .sum())
    }

    async fn purge(&self, _keys: &KeySpace) -> Result<u64, Error> {
        let mut content = self.content()?;
        content.leases.clear();
        content.methods.clear();
        Ok(std::mem::take(&mut content.pairs)
            .values()
            .map(|memory| memory.ranking.len() as u64)
            .sum())
    }

    async fn ping(&self, _at_most: Duration) -> Result<Duration, Error> {
        self.content().map(|_| Duration::ZERO)
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::unless_closed(self.closed.load(Ordering::Relaxed))
    }

    async fn close(&self) {
        if let Ok(mut content) = self.content() {
            *content = Content::default();
        }
        self.closed.store(true, Ordering::Relaxed);
    }
}

// Entries are not for logs.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
