//! The embedded store: no server, the same answers. It is also the executable model of the Lua.

mod ranking;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use self::ranking::Ranking;
use super::{Clock, Found, KeySpace, Put, Store};
use crate::entry::{self, Times};
use crate::error::{Error, ErrorKind};
use crate::field::Field;
use crate::method::Pair;
use crate::settings::StructureTtl;

// As in lua/shared/sweep.lua.
const SWEEP_SAMPLE: usize = 8;
const SWEEP_BYTES: usize = 16384;

/// All pairs of one cache, behind one lock: an operation is as atomic as a script.
#[derive(Debug)]
pub(crate) struct Memory {
    clock: Clock,
    started: Instant,
    started_us: u64,
    pairs: Mutex<HashMap<String, MemoryPair>>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct MemoryPair {
    ranking: Ranking,
    values: HashMap<Field, Vec<u8>>,
    /// When the pair ends, in microseconds of the store's own clock.
    ends_us: Option<u64>,
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
            pairs: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Microseconds that never go back, for the life of pairs.
    fn own_us(&self) -> u64 {
        self.started_us + micros(self.started.elapsed())
    }

    /// Microseconds for entries and scores: a test may force them.
    fn now_us(&self) -> u64 {
        match self.clock.forced_us() {
            0 => self.own_us(),
            forced => forced,
        }
    }

    fn pairs(&self) -> Result<MutexGuard<'_, HashMap<String, MemoryPair>>, Error> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Closed, "the cache is closed"));
        }
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = self.own_us();
        // Few pairs, one a method at the most: looking at all of them is cheap.
        pairs.retain(|_, pair| pair.ends_us.is_none_or(|ends_us| ends_us > now_us));
        Ok(pairs)
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        _deadline: Duration,
    ) -> Result<Found, Error> {
        let now_us = self.now_us();
        let now_ms = now_us / 1000;
        let mut pairs = self.pairs()?;
        let live = pairs.get_mut(&pair.stem).and_then(|memory| {
            let entry = memory.values.get(&field)?.clone();
            (!is_expired(&entry, now_ms)).then(|| {
                memory.ranking.hit(field, now_us);
                memory.keep_alive(pair.structure, 0, self.own_us(), true);
                entry
            })
        });
        Ok(Found {
            now_us,
            entry: live.map(Into::into),
            pair_ms: None,
        })
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        _deadline: Duration,
    ) -> Result<Found, Error> {
        let now_us = self.own_us();
        let pairs = self.pairs()?;
        let memory = pairs.get(&pair.stem);
        Ok(Found {
            now_us: self.now_us(),
            entry: memory.and_then(|memory| Some(memory.values.get(&field)?.clone().into())),
            pair_ms: memory.and_then(|memory| Some(memory.ends_us?.saturating_sub(now_us) / 1000)),
        })
    }

    async fn put(&self, pair: &Arc<Pair>, put: Put, _deadline: Duration) -> Result<u64, Error> {
        let now_us = self.now_us();
        let policy = pair.policy.in_memory()?;
        let mut pairs = self.pairs()?;
        let memory = pairs
            .entry(pair.stem.clone())
            .or_insert_with(|| MemoryPair {
                ranking: Ranking::new(policy.clone()),
                values: HashMap::new(),
                ends_us: None,
            });
        let evicted = memory.put(&put, pair.maxsize, now_us);
        memory.keep_alive(pair.structure, put.ttl_ms, self.own_us(), false);
        Ok(evicted)
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        _deadline: Duration,
    ) -> Result<u64, Error> {
        let mut pairs = self.pairs()?;
        let Some(memory) = pairs.get_mut(&pair.stem) else {
            return Ok(0);
        };
        let removed = fields
            .into_iter()
            .filter(|&field| memory.remove(field))
            .count();
        forget_if_empty(&mut pairs, &pair.stem);
        Ok(removed as u64)
    }

    async fn delete_method(&self, pair: &Arc<Pair>, tag: u64) -> Result<u64, Error> {
        let mut pairs = self.pairs()?;
        let Some(memory) = pairs.get_mut(&pair.stem) else {
            return Ok(0);
        };
        let of_method = |(field, entry): (&Field, &Vec<u8>)| {
            (entry::method_of(entry) == Some(tag)).then_some(*field)
        };
        let fields: Vec<_> = memory.values.iter().filter_map(of_method).collect();
        let removed = fields
            .into_iter()
            .filter(|&field| memory.remove(field))
            .count();
        forget_if_empty(&mut pairs, &pair.stem);
        Ok(removed as u64)
    }

    async fn delete_pair(&self, pair: &Arc<Pair>) -> Result<u64, Error> {
        let removed = self.pairs()?.remove(&pair.stem);
        Ok(removed.map_or(0, |memory| memory.ranking.len() as u64))
    }

    async fn len(&self, _keys: &KeySpace) -> Result<u64, Error> {
        Ok(self
            .pairs()?
            .values()
            .map(|memory| memory.ranking.len() as u64)
            .sum())
    }

    async fn purge(&self, _keys: &KeySpace) -> Result<u64, Error> {
        let pairs = std::mem::take(&mut *self.pairs()?);
        Ok(pairs
            .values()
            .map(|memory| memory.ranking.len() as u64)
            .sum())
    }

    async fn close(&self) {
        if let Ok(mut pairs) = self.pairs() {
            pairs.clear();
        }
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl MemoryPair {
    /// As in lua/op/put.lua.
    fn put(&mut self, put: &Put, maxsize: u64, now_us: u64) -> u64 {
        let maxsize = usize::try_from(maxsize).unwrap_or(usize::MAX);
        let now_ms = now_us / 1000;
        let mut whole = self.values.contains_key(&put.field);
        if whole && self.ranking.len() > maxsize {
            self.remove(put.field);
            whole = false;
        }
        let mut evicted = 0;
        if whole {
            self.ranking.overwrite(put.field, now_us);
        } else {
            if self.ranking.len() >= maxsize && put.ttl_ms > 0 {
                self.sweep(now_ms);
            }
            while self.ranking.len() >= maxsize {
                let Some(victim) = self.ranking.victim() else {
                    break;
                };
                self.values.remove(&victim);
                evicted += 1;
            }
            self.ranking.admit(put.field, now_us);
        }
        let times = Times {
            created_ms: now_ms,
            soft_ms: 0,
            hard_ms: if put.ttl_ms > 0 {
                now_ms + put.ttl_ms
            } else {
                0
            },
        };
        self.values
            .insert(put.field, entry::stamp(&put.entry, times));
        evicted
    }

    fn sweep(&mut self, now_ms: u64) {
        for field in self.ranking.sample(SWEEP_SAMPLE) {
            let entry = &self.values[&field];
            if entry.len() <= SWEEP_BYTES && is_expired(entry, now_ms) {
                self.remove(field);
            }
        }
    }

    fn remove(&mut self, field: Field) -> bool {
        self.ranking.remove(field);
        self.values.remove(&field).is_some()
    }

    /// As in lua/shared/ttl.lua; a hit moves the end of a sliding pair only.
    fn keep_alive(&mut self, structure: StructureTtl, entry_ms: u64, now_us: u64, is_hit: bool) {
        let structure_ms = structure.ms();
        if structure_ms == 0 || (is_hit && !structure.is_sliding()) {
            return;
        }
        let left_us = self
            .ends_us
            .map_or(0, |ends_us| ends_us.saturating_sub(now_us));
        let mut wanted_us = left_us;
        let slides = structure.is_sliding() && structure_ms * 990 > left_us;
        if self.ends_us.is_none() || slides {
            wanted_us = wanted_us.max(structure_ms * 1000);
        }
        wanted_us = wanted_us.max(entry_ms * 1000);
        self.ends_us = Some(now_us + wanted_us);
    }
}

fn is_expired(entry: &[u8], now_ms: u64) -> bool {
    let hard_ms = entry::hard_ms_of(entry);
    hard_ms > 0 && hard_ms <= now_ms
}

fn forget_if_empty(pairs: &mut HashMap<String, MemoryPair>, stem: &str) {
    if pairs
        .get(stem)
        .is_some_and(|memory| memory.values.is_empty())
    {
        pairs.remove(stem);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
