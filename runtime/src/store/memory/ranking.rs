//! The ranking of one pair: which entry is evicted next.

use std::collections::BTreeSet;

use crate::key::digest::{Field, Fields};
use crate::policy::Policy;

/// What a ZSET and a policy's three Lua functions are together.
///
/// Scores are integers here; the scripts' are too, as long as they stay below 2^53.
#[derive(Debug)]
pub(super) struct Ranking {
    policy: Policy,
    scores: Fields<u64>,
    ranked: BTreeSet<(u64, Field)>,
    /// For `rr`: the fields in no order, and the position of each.
    listed: Vec<Field>,
    positions: Fields<usize>,
    random: u64,
}

impl Ranking {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            scores: Fields::default(),
            ranked: BTreeSet::new(),
            listed: Vec::new(),
            positions: Fields::default(),
            random: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) | 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    /// New entries, in the order of running numbers where the policy counts, and at one instant where it ranks by it.
    pub(super) fn admit(&mut self, fields: &[Field], now_us: u64) {
        let newest = now_us.max(self.above_all());
        for &field in fields {
            let score = match self.policy {
                Policy::Fifo | Policy::Lru | Policy::Mru => self.above_all(),
                Policy::FifoT | Policy::LruT => newest,
                Policy::Lfu => 1,
                Policy::Rr | Policy::Custom(_) => 0,
            };
            self.set(field, score);
        }
    }

    pub(super) fn hit(&mut self, field: Field, now_us: u64) {
        let Some(&score) = self.scores.get(&field) else {
            return;
        };
        match self.policy {
            Policy::Lru | Policy::Mru => self.set(field, self.above_all()),
            Policy::LruT => self.set(field, score.max(now_us)),
            Policy::Lfu => self.set(field, score + 1),
            Policy::Fifo | Policy::FifoT | Policy::Rr | Policy::Custom(_) => {}
        }
    }

    pub(super) fn overwrite(&mut self, fields: &[Field], now_us: u64) {
        if matches!(self.policy, Policy::Lru | Policy::LruT | Policy::Mru) {
            self.admit(fields, now_us);
        }
    }

    /// Takes the victim out.
    pub(super) fn victim(&mut self) -> Option<Field> {
        let field = match self.policy {
            Policy::Mru => self.ranked.last()?.1,
            Policy::Rr => *self.sample(1).first()?,
            _ => self.ranked.first()?.1,
        };
        self.remove(field);
        Some(field)
    }

    pub(super) fn remove(&mut self, field: Field) {
        if let Some(score) = self.scores.remove(&field) {
            self.ranked.remove(&(score, field));
        }
        if let Some(position) = self.positions.remove(&field) {
            self.listed.swap_remove(position);
            if let Some(&moved) = self.listed.get(position) {
                self.positions.insert(moved, position);
            }
        }
    }

    /// Different fields, uniformly chosen; all of them if there are no more than `n`.
    pub(super) fn sample(&mut self, n: usize) -> Vec<Field> {
        let len = self.listed.len();
        for i in 0..n.min(len) {
            let j = i + self.below(len - i);
            self.listed.swap(i, j);
            self.positions.insert(self.listed[i], i);
            self.positions.insert(self.listed[j], j);
        }
        self.listed[..n.min(len)].to_vec()
    }

    fn set(&mut self, field: Field, score: u64) {
        match self.scores.insert(field, score) {
            Some(old) => {
                self.ranked.remove(&(old, field));
            }
            None => {
                self.positions.insert(field, self.listed.len());
                self.listed.push(field);
            }
        }
        self.ranked.insert((score, field));
    }

    fn above_all(&self) -> u64 {
        self.ranked.last().map_or(1, |(score, _)| score + 1)
    }

    /// xorshift64*, whose upper bits are good enough to choose a victim by.
    #[allow(clippy::cast_possible_truncation)] // the product's upper half is below `bound`
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(bits) * bound as u128) >> 64) as usize
    }
}
