//! How long an entry lives, and when it is refreshed although it may still be served.

use std::time::Duration;

use super::options::{Defaults, Options};
use crate::entry::header::{Age, Times};
use crate::error::Error;
use crate::rt::random;
use crate::settings::{Early, Stampede};
use crate::store::AcceptEntry;

const SHORTEST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// The lifetimes of entries of one method, and when they are refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freshness {
    pub(crate) stampede: Stampede,
    pub(crate) jitter_permille: u16,
    pub(crate) stale_ms: Option<u64>,
    pub(crate) soft_timeout_ms: Option<u64>,
    pub(crate) early: Option<Early>,
}

/// An entry that may be served, and needs a refresh.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeedsRefresh {
    /// Any other entry is fresher.
    pub(crate) accept: AcceptEntry,
    /// Whether its TTL has passed.
    pub(crate) is_stale: bool,
}

impl Freshness {
    /// `stale` and `early` count from a TTL.
    pub(crate) fn new(options: &Options, defaults: &Defaults, ttl_ms: u64) -> Result<Self, Error> {
        let needs_ttl = options.stale_ms.is_some() || options.early.is_some();
        if needs_ttl && ttl_ms == 0 && !options.has_ttl_fn {
            return Err(Error::config(
                "`stale` and `early` count from the `ttl` of an entry; give the method or function, its block or the builder one",
            ));
        }
        Ok(Self {
            stampede: options.stampede.unwrap_or(defaults.stampede),
            jitter_permille: options.jitter_permille.unwrap_or(defaults.jitter_permille),
            stale_ms: options.stale_ms,
            soft_timeout_ms: options.soft_timeout_ms,
            early: options.early,
        })
    }

    /// The soft and the hard lifetime of an entry with this TTL, in milliseconds; 0 for none.
    pub(crate) fn lifetimes(&self, ttl_ms: u64) -> (u64, u64) {
        let ttl_ms = self.jittered(ttl_ms);
        match self.stale_ms {
            Some(stale_ms) if ttl_ms > 0 => (ttl_ms, ttl_ms.saturating_add(stale_ms)),
            _ => (0, ttl_ms),
        }
    }

    /// The same for an error: it is never stale.
    pub(crate) fn error_lifetimes(&self, ttl_ms: u64) -> (u64, u64) {
        (0, self.jittered(ttl_ms))
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn jittered(&self, ttl_ms: u64) -> u64 {
        let most = ttl_ms as f64 * f64::from(self.jitter_permille) / 1000.0;
        match self.jitter_permille {
            0 => ttl_ms,
            _ if ttl_ms == 0 => 0,
            _ => (ttl_ms - (most * random::unit()) as u64).max(1),
        }
    }

    /// The instants of an entry that lives no longer than with this TTL.
    pub(crate) fn capped(&self, times: Times, ttl_ms: u64) -> Times {
        let soft_ms = times.created_ms.saturating_add(ttl_ms);
        let hard_ms = soft_ms.saturating_add(self.stale_ms.unwrap_or_default());
        let earlier = |instant_ms: u64, cap_ms: u64| match instant_ms {
            0 => cap_ms,
            _ => instant_ms.min(cap_ms),
        };
        Times {
            soft_ms: match self.stale_ms {
                Some(_) => earlier(times.soft_ms, soft_ms),
                None => times.soft_ms,
            },
            hard_ms: earlier(times.hard_ms, hard_ms),
            ..times
        }
    }

    /// Whether an entry is to be refreshed. Its hard expiry has not passed.
    #[inline]
    pub(crate) fn needs_refresh(&self, age: &Age) -> Option<NeedsRefresh> {
        let is_stale = age.is_soft_past();
        (is_stale || self.early.is_some_and(|early| is_old(early, age))).then(|| NeedsRefresh {
            accept: AcceptEntry::NotCreatedAt(age.times.created_ms.to_le_bytes()),
            is_stale,
        })
    }

    /// How long no process tries again after a refresh that failed.
    pub(crate) fn failure_backoff(ttl_ms: u64) -> Duration {
        Duration::from_millis(ttl_ms / 2).clamp(SHORTEST_BACKOFF, LONGEST_BACKOFF)
    }
}

#[allow(clippy::cast_precision_loss)] // exact for milliseconds of 285,000 years
fn is_old(early: Early, age: &Age) -> bool {
    let ends_ms = match age.times.soft_ms {
        0 => age.times.hard_ms,
        soft_ms => soft_ms,
    };
    if ends_ms == 0 {
        return false;
    }
    let now_ms = age.now_us / 1000;
    match early {
        Early::At(permille) => {
            let life_ms = ends_ms.saturating_sub(age.times.created_ms);
            let passed_ms = now_ms.saturating_sub(age.times.created_ms);
            passed_ms.saturating_mul(1000) >= life_ms.saturating_mul(u64::from(permille))
        }
        // XFetch, with a beta of 1: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache
        // Stampede Prevention", 2015.
        Early::XFetch => {
            let head_start_us = f64::from(age.cost_us) * -random::unit().ln();
            age.now_us as f64 + head_start_us >= ends_ms as f64 * 1000.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freshness(early: Option<Early>, jitter_permille: u16, stale_ms: Option<u64>) -> Freshness {
        Freshness {
            stampede: Stampede::Lease,
            jitter_permille,
            stale_ms,
            soft_timeout_ms: None,
            early,
        }
    }

    fn age(now_ms: u64, soft_ms: u64, hard_ms: u64, cost_us: u32) -> Age {
        Age {
            times: Times {
                created_ms: 1000,
                soft_ms,
                hard_ms,
            },
            cost_us,
            now_us: now_ms * 1000,
            is_expired_by_tag: false,
        }
    }

    #[test]
    fn an_entry_needs_refresh_after_a_share_of_its_ttl() {
        let at = freshness(Some(Early::At(900)), 0, None);
        assert!(at.needs_refresh(&age(1899, 0, 2000, 0)).is_none());
        assert!(!at.needs_refresh(&age(1900, 0, 2000, 0)).unwrap().is_stale);
        // With a soft expiry it counts up to there.
        assert!(at.needs_refresh(&age(1449, 1500, 2000, 0)).is_none());
        assert!(
            !at.needs_refresh(&age(1450, 1500, 2000, 0))
                .unwrap()
                .is_stale
        );
        assert!(
            at.needs_refresh(&age(1500, 1500, 2000, 0))
                .unwrap()
                .is_stale
        );
        assert!(at.needs_refresh(&age(1_000_000, 0, 0, 0)).is_none());
    }

    #[test]
    fn xfetch_is_more_likely_near_expiry_and_for_slow_methods() {
        let xfetch = freshness(Some(Early::XFetch), 0, None);
        let often = |now_ms, cost_us| {
            let needs = || {
                xfetch
                    .needs_refresh(&age(now_ms, 0, 2000, cost_us))
                    .is_some()
            };
            (0..4000).map(|_| u32::from(needs())).sum::<u32>()
        };
        // The share is e^(-left / cost).
        for (now_ms, cost_us, expected) in [
            (1900, 100_000, 0.368),
            (1900, 50_000, 0.135),
            (1990, 10_000, 0.368),
        ] {
            let share = f64::from(often(now_ms, cost_us)) / 4000.0;
            assert!((share - expected).abs() < 0.05, "{share} is not {expected}");
        }
        assert_eq!(often(1900, 0), 0);
    }

    #[test]
    fn a_ttl_that_is_set_shortens_lives_and_lengthens_none() {
        let times = |soft_ms, hard_ms| Times {
            created_ms: 1000,
            soft_ms,
            hard_ms,
        };
        let plain = freshness(None, 0, None);
        assert_eq!(plain.capped(times(0, 0), 50), times(0, 1050));
        assert_eq!(plain.capped(times(0, 9000), 50), times(0, 1050));
        assert_eq!(plain.capped(times(0, 1020), 50), times(0, 1020));
        let stale = freshness(None, 0, Some(500));
        assert_eq!(stale.capped(times(0, 0), 50), times(1050, 1550));
        assert_eq!(stale.capped(times(5000, 9000), 50), times(1050, 1550));
        assert_eq!(stale.capped(times(1020, 1520), 50), times(1020, 1520));
    }

    #[test]
    fn jitter_shortens_and_stale_lengthens() {
        assert_eq!(freshness(None, 0, None).lifetimes(1000), (0, 1000));
        assert_eq!(freshness(None, 0, Some(500)).lifetimes(1000), (1000, 1500));
        assert_eq!(freshness(None, 500, Some(500)).lifetimes(0), (0, 0));
        let lives: Vec<_> = (0..1000)
            .map(|_| freshness(None, 500, None).lifetimes(1000).1)
            .collect();
        assert!(lives.iter().all(|life| (500..=1000).contains(life)));
        assert!(lives.iter().max().unwrap() - lives.iter().min().unwrap() > 400);
        assert_eq!(freshness(None, 500, None).lifetimes(1), (0, 1));
    }
}
