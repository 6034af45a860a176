//! The methods that every entry point has, in one table.

use std::time::Duration;

/// Gives the table to a macro. A row is a method's name, its argument, its return type and its options; an
/// argument of type `&str` is one that an execution in the background has to own.
macro_rules! methods {
    ($emit:ident) => {
        $emit! {
            async {
                Plain plain(id: u64) -> Row, [];
                Other other(id: u64) -> u64, [];
                Fallible fallible(id: u64) -> Result<Row, Failure>, [];
                Large large(id: u64) -> Vec<u64>, [];
                Unwritable unwritable(id: u64) -> Unwritable, [];

                Minutes10 minutes_10(id: u64) -> u64, [ttl = "10m"];
                Hours3 hours_3(id: u64) -> u64, [ttl = "3h"];
                Size1 size_1(id: u64) -> u64, [maxsize = 1];
                Size3 size_3(id: u64) -> u64, [maxsize = 3];
                Size8 size_8(id: u64) -> u64, [maxsize = 8];
                Size4Hour size_4_hour(id: u64) -> u64, [maxsize = 4, ttl = "1h"];

                Stale stale(id: &str) -> Result<u64, Failure>, [ttl = "10m", stale = "20m"];
                Prefer prefer(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", soft_timeout = "2s"];
                Hurry hurry(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", soft_timeout = "20ms"];
                Early early(id: u64) -> Result<u64, Failure>, [ttl = "10m", early = 0.9];

                Maybe maybe(id: u64) -> Option<u64>, [ttl = "1h"];
                SomeOnly some_only(id: u64) -> Option<u64>, [ttl = "1h", cache_none = false];
                FallibleSomeOnly fallible_some_only(id: u64) -> Result<Option<u64>, Failure>,
                    [ttl = "1h", cache_none = false];
                NoneBriefly none_briefly(id: u64) -> Result<Option<u64>, Failure>,
                    [ttl = "1h", ttl_none = "10s"];
                Even even(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_if = crate::entry_point::methods::is_even];
                EvenNone even_none(id: u64) -> Option<u64>,
                    [ttl = "1h", cache_if = crate::entry_point::methods::is_even_or_none, ttl_none = "5s"];
                OwnTtlNone own_ttl_none(id: u64) -> Option<u64>,
                    [ttl_fn = crate::entry_point::methods::seconds_of_some, ttl_none = "5s"];
            }
            future {
                OwnTtl own_ttl(id: u64) -> u64, [ttl_fn = crate::entry_point::methods::seconds];
            }
            sync {
                Blocking blocking(id: u64) -> Row, [];
                BlockingStale blocking_stale(id: &str) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m"];
                BlockingEven blocking_even(id: u64) -> u64,
                    [ttl = "1h", cache_if = crate::entry_point::methods::is_even];
            }
        }
    };
}
pub(super) use methods;

macro_rules! method {
    ($($style:ident { $($variant:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Method { $($($variant,)*)* }
    };
}
methods!(method);

/// The methods that declare invalidations, where an entry point has such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// Of one entry: `invalidates(plain(id))`.
    One,
    /// Of all entries of a method: `invalidates(plain(..))`.
    All,
    /// `invalidates(plain(id), other(..))`
    Both,
    /// The same, by a sync method.
    BothBlocking,
}

pub(crate) fn is_even(number: &u64) -> bool {
    number.is_multiple_of(2)
}

// A rule is given what is stored: a reference to the `Option`.
#[allow(clippy::ref_option)]
pub(crate) fn is_even_or_none(number: &Option<u64>) -> bool {
    number.as_ref().is_none_or(is_even)
}

pub(crate) fn seconds(number: &u64) -> Duration {
    Duration::from_secs(*number)
}

/// Seven says nothing.
#[allow(clippy::ref_option)]
pub(crate) fn seconds_of_some(number: &Option<u64>) -> Option<Duration> {
    number.filter(|&number| number != 7).map(Duration::from_secs)
}
