//! One pair in memory: its ranking, its values, its end.

use bytes::Bytes;

use super::methods::MethodStates;
use super::ranking::Ranking;
use crate::entry::header;
use crate::entry::header::Times;
use crate::key::digest::{Field, Fields};
use crate::policy::Policy;
use crate::settings::StructureTtl;
use crate::store::{Put, PutDone};

// As in lua/shared/sweep.lua.
const SWEEP_SAMPLE: usize = 8;
const SWEEP_BYTES: usize = 16384;

pub(super) struct MemoryPair {
    pub(super) ranking: Ranking,
    pub(super) values: Fields<Bytes>,
    /// When the pair ends, in microseconds of the store's own clock.
    pub(super) ends_us: Option<u64>,
}

impl MemoryPair {
    /// Stores entries of different fields, as lua/op/put.lua does: room for all that are new, then all of them.
    /// How many entries the policy evicted, and how many a sweep found, if there was one.
    pub(super) fn put_all(
        &mut self,
        puts: &[&Put],
        maxsize: u64,
        now_us: u64,
        sweeps: Option<&MethodStates>,
    ) -> (u64, Option<u64>) {
        let maxsize = usize::try_from(maxsize).unwrap_or(usize::MAX);
        let (known, mut new): (Vec<Field>, Vec<Field>) = puts
            .iter()
            .map(|put| put.field)
            .partition(|field| self.values.contains_key(field));
        for put in puts {
            self.values.insert(put.field, stamped(put, now_us / 1000));
        }
        if !known.is_empty() && self.ranking.len() > maxsize {
            // The bound was lowered: what is there counts as new.
            for &field in &known {
                self.ranking.remove(field);
            }
            new = puts.iter().map(|put| put.field).collect();
        } else {
            self.ranking.overwrite(&known, now_us);
        }
        let is_full = self.ranking.len() + new.len() > maxsize;
        let swept = sweeps
            .filter(|_| is_full)
            .map(|methods| self.sweep(methods, now_us / 1000));
        let mut evicted = self.evict_down_to(maxsize.saturating_sub(new.len()));
        if !new.is_empty() {
            self.ranking.admit(&new, now_us);
            evicted += self.evict_down_to(maxsize);
        }
        (evicted, swept)
    }

    fn evict_down_to(&mut self, members: usize) -> u64 {
        let mut evicted = 0;
        while self.ranking.len() > members
            && let Some(victim) = self.ranking.victim()
        {
            self.values.remove(&victim);
            evicted += 1;
        }
        evicted
    }

    /// Removes expired and invalidated entries of a sample; returns how many.
    fn sweep(&mut self, methods: &MethodStates, now_ms: u64) -> u64 {
        let mut swept = 0;
        for field in self.ranking.sample(SWEEP_SAMPLE) {
            let entry = &self.values[&field];
            let is_of_use = methods.has_current(entry) && header::is_alive(entry, now_ms);
            if entry.len() <= SWEEP_BYTES && !is_of_use {
                self.remove(field);
                swept += 1;
            }
        }
        swept
    }

    pub(super) fn remove(&mut self, field: Field) -> bool {
        self.ranking.remove(field);
        self.values.remove(&field).is_some()
    }

    /// As in lua/shared/ttl.lua; a hit moves the end of a sliding pair only.
    pub(super) fn keep_alive(
        &mut self,
        structure: StructureTtl,
        entry_ms: u64,
        now_us: u64,
        is_hit: bool,
    ) {
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

fn stamped(put: &Put, now_ms: u64) -> Bytes {
    let times = Times {
        created_ms: now_ms,
        soft_ms: after(now_ms, put.soft_ms),
        hard_ms: after(now_ms, put.hard_ms),
    };
    header::stamp(&put.entry, times, put.origin).into()
}

/// 0 stays 0: it never comes.
fn after(now_ms: u64, life_ms: u64) -> u64 {
    if life_ms > 0 { now_ms + life_ms } else { 0 }
}

/// Puts that are stored in one step: of different fields, up to 16. Where the newest entry is evicted first,
/// entries that come together would evict each other.
pub(super) fn steps(policy: &Policy, puts: Vec<(Put, PutDone)>) -> Vec<Vec<(Put, PutDone)>> {
    let most = if *policy == Policy::Mru { 1 } else { 16 };
    let mut steps: Vec<Vec<(Put, PutDone)>> = Vec::new();
    for put in puts {
        match steps.last_mut() {
            Some(step)
                if step.len() < most
                    && step.iter().all(|(known, _)| known.field != put.0.field) =>
            {
                step.push(put);
            }
            _ => steps.push(vec![put]),
        }
    }
    steps
}
