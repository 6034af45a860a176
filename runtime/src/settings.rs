//! The limits of settings, in one place for the builder and for generated code.
//!
//! Imports `error`.
//! Start with the constants; [`duration`] reads durations from files.

pub(crate) mod duration;

use std::time::Duration;

use crate::error::Error;

/// How long a pair of keys lives when it is not used, whatever the TTL of its entries.
///
/// The default is `Sliding` with one hour. Redis removes the whole pair at the deadline; a pair
/// never ends before an entry in it that has a longer TTL of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StructureTtl {
    /// The time restarts on every hit and every put.
    Sliding(Duration),
    /// The time runs from the put that made the pair.
    Fixed(Duration),
    /// The pair stays until it is purged; entries go by policy and by their own TTL.
    Never,
}

impl Default for StructureTtl {
    fn default() -> Self {
        Self::Sliding(Duration::from_secs(3600))
    }
}

impl StructureTtl {
    /// Milliseconds, 0 for ever.
    pub(crate) fn ms(self) -> u64 {
        match self {
            Self::Sliding(ttl) | Self::Fixed(ttl) => ms(ttl),
            Self::Never => 0,
        }
    }

    pub(crate) fn is_sliding(self) -> bool {
        matches!(self, Self::Sliding(_))
    }
}

/// When a hit is recorded with the policy on the server.
///
/// With one process both ways evict the same entries. With many, a process that evicts knows the
/// hits of the others up to `Behind`'s interval late. With `lru_t` and `lfu`, hits on an entry that
/// is hit all the time, which would not move it noticeably, are known to others up to a second late
/// (or that interval, where it is longer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touch {
    /// Behind the call: collected, and sent once in this interval, with the next put on the pair,
    /// or when a thousand have come together. A hit is a plain read. The default, with 10 ms.
    Behind(Duration),
    /// In one atomic script with the look-up. Costs the server several times a plain read.
    Exact,
}

impl Touch {
    /// Behind by the default interval.
    pub const BEHIND: Self = Self::Behind(Duration::from_millis(10));
}

impl Default for Touch {
    fn default() -> Self {
        Self::BEHIND
    }
}

/// Who runs a method that many calls miss at the same time.
///
/// Whatever it is, what was computed before an invalidation is not stored after it, and of two
/// computations of one call the one that began later is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Stampede {
    /// One call among all processes; the others wait for its value. The default.
    ///
    /// The right to compute is a lease on the server, of two seconds, renewed while the method
    /// runs: a process that dies costs the waiting calls two seconds at the most. Where the store
    /// cannot be reached, and in the memory store, it is [`Local`](Self::Local).
    #[default]
    Lease,
    /// One call in each process.
    Local,
    /// Every call that misses.
    Off,
}

/// When a value is refreshed although it has not expired (refresh-ahead).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Early {
    /// When so many thousandths of its TTL have passed.
    At(u16),
    /// Probabilistically (XFetch): more likely near expiry and for slow methods.
    XFetch,
}

pub(crate) const DEFAULT_MAXSIZE: u64 = 1024;
pub(crate) const DEFAULT_PREFIX: &str = "func-cache:";
pub(crate) const DEFAULT_DEADLINE: Duration = Duration::from_millis(100);
pub(crate) const DEFAULT_INVALIDATION_QUEUE: usize = 10_000;
pub(crate) const DEFAULT_MAX_ENTRY_BYTES: usize = 1 << 20;

const LARGEST_MAXSIZE: u64 = 1_000_000_000;
pub(crate) const LARGEST_ENTRY_BYTES: usize = 64 << 20;
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
const LONGEST_NAME: usize = 256;

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn check_maxsize(maxsize: u64) -> Result<u64, Error> {
    if (1..=LARGEST_MAXSIZE).contains(&maxsize) {
        return Ok(maxsize);
    }
    Err(Error::config(format!(
        "`maxsize` is {maxsize}; it counts the entries of a pair and must be from 1 to {LARGEST_MAXSIZE}"
    )))
}

pub(crate) fn check_ttl(what: &str, ttl: Duration) -> Result<Duration, Error> {
    check_time(what, ttl, "leave it out for no limit")
}

/// For a TTL that is set while the process runs, in place of another one.
pub(crate) fn check_new_ttl(ttl: Duration) -> Result<Duration, Error> {
    check_time(
        "ttl",
        ttl,
        "to cache nothing at all, call `set_enabled(false)`",
    )
}

pub(crate) fn check_stale(stale: Duration) -> Result<Duration, Error> {
    check_time("stale", stale, "leave it out to serve no stale values")
}

pub(crate) fn check_soft_timeout(timeout: Duration) -> Result<Duration, Error> {
    check_time(
        "soft_timeout",
        timeout,
        "leave it out to take the stale value at once",
    )
}

fn check_time(what: &str, time: Duration, otherwise: &str) -> Result<Duration, Error> {
    if time < Duration::from_millis(1) {
        return Err(Error::config(format!(
            "`{what}` is {time:?}; it must be at least one millisecond ({otherwise})"
        )));
    }
    if time > LONGEST_TTL {
        return Err(Error::config(format!(
            "`{what}` is longer than 100 years, which Redis cannot count ({otherwise})"
        )));
    }
    Ok(time)
}

macro_rules! constants {
    ($($name:ident $option:literal;)*) => {$(
        /// Of an option that is a constant of the program, in milliseconds.
        #[track_caller]
        #[allow(clippy::cast_possible_truncation, clippy::missing_panics_doc)] // in bounds; at compile time
        pub const fn $name(value: Duration) -> u64 {
            let ms = value.as_millis();
            assert!(
                ms >= 1 && ms <= LONGEST_TTL.as_millis(),
                concat!("`", $option, "` must be from one millisecond to 100 years")
            );
            ms as u64
        }
    )*};
}
constants! {
    constant_ttl "ttl";
    constant_stale "stale";
    constant_soft_timeout "soft_timeout";
}

/// Of an option that is a constant of the program.
#[track_caller]
#[allow(clippy::missing_panics_doc)] // at compile time
pub const fn constant_maxsize(value: u64) -> u64 {
    assert!(
        value >= 1 && value <= LARGEST_MAXSIZE,
        "`maxsize` must be from 1 to 1000000000"
    );
    value
}

/// A share between 0 and 1, in thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn check_early(share: f64) -> Result<Early, Error> {
    if share > 0.0 && share < 1.0 {
        let permille = (share * 1000.0).round() as u16;
        return Ok(Early::At(permille.clamp(1, 999)));
    }
    Err(Error::config(format!(
        "`early` is {share}; it is the share of the `ttl` after which a value is refreshed and must be between 0 \
         and 1 (leave it out for no refresh before the end)"
    )))
}

/// For the TTL that `ttl_fn` returns: out of bounds, it is clamped, since there is no caller to return an error to.
pub(crate) fn clamp_ttl(ttl: Duration) -> Duration {
    ttl.clamp(Duration::from_millis(1), LONGEST_TTL)
}

pub(crate) fn check_touch(touch: Touch) -> Result<Touch, Error> {
    match touch {
        Touch::Behind(interval)
            if interval < Duration::from_millis(1) || interval > Duration::from_secs(60) =>
        {
            Err(Error::config(format!(
                "`touch` is behind by {interval:?}; it must be from 1 ms to 60 s (or write `Touch::Exact`)"
            )))
        }
        fine => Ok(fine),
    }
}

/// A share from 0 to 0.5, in thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn check_jitter(share: f64) -> Result<u16, Error> {
    if (0.0..=0.5).contains(&share) {
        return Ok((share * 1000.0).round() as u16);
    }
    Err(Error::config(format!(
        "`ttl_jitter` is {share}; it is the share of a TTL that is taken off at the most and must be from 0 to 0.5"
    )))
}

pub(crate) fn check_fallback_concurrency(calls: Option<usize>) -> Result<Option<usize>, Error> {
    if calls == Some(0) {
        return Err(Error::config(
            "`fallback_concurrency` is 0, so nothing would be answered; it must be at least 1 (leave it out for no limit)",
        ));
    }
    Ok(calls)
}

pub(crate) fn check_deadline(deadline: Duration) -> Result<Duration, Error> {
    if (Duration::from_millis(1)..=Duration::from_secs(60)).contains(&deadline) {
        return Ok(deadline);
    }
    Err(Error::config(format!(
        "`deadline` is {deadline:?}; a call waits that long for the store, so it must be from 1 ms to 60 s"
    )))
}

pub(crate) fn check_entry_bytes(bytes: usize) -> Result<usize, Error> {
    if (1..=LARGEST_ENTRY_BYTES).contains(&bytes) {
        return Ok(bytes);
    }
    Err(Error::config(format!(
        "`max_entry_bytes` is {bytes}; it must be from 1 to {LARGEST_ENTRY_BYTES} (64 MiB)"
    )))
}

pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Ok(());
    }
    Err(Error::config(format!(
        "the name of a cache has {} bytes; it is part of every key and must have 1 to {LONGEST_NAME}",
        name.len()
    )))
}

pub(crate) fn check_function_name(name: &str) -> Result<(), Error> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Ok(());
    }
    Err(Error::config(format!(
        "the name of a function has {} bytes; it is part of every key and must have 1 to {LONGEST_NAME}",
        name.len()
    )))
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), Error> {
    if prefix.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(Error::config(format!(
        "`prefix` has {} bytes; it is part of every key and must have at most {LONGEST_NAME}",
        prefix.len()
    )))
}
