//! The methods that every entry point has, in one table.

// A rule is given a reference to what is stored, whatever that is.
#![allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)]

use std::time::Duration;

use super::Failure;

/// Gives the table to a macro. A row is a method's name, its argument, its return type and its options; an
/// argument of type `&str` is one that an execution in the background has to own. What stands in brackets after the
/// macro's name comes before the table.
macro_rules! methods {
    ($emit:ident $([$($given:tt)*])?) => {
        $crate::entry_point::methods::methods!(@table all $emit [$($($given)*)?]);
    };
    // Without those that are computed again in the background.
    ($emit:ident without refreshes $([$($given:tt)*])?) => {
        $crate::entry_point::methods::methods!(@table some $emit [$($($given)*)?]);
    };
    (@table $which:ident $emit:ident $given:tt) => {
        $crate::entry_point::methods::methods! {
            @$which $emit $given
            async {
                Plain plain(id: u64) -> Row, [];
                Other other(id: u64) -> u64, [];
                Fallible fallible(id: u64) -> Result<Row, Failure>, [];
                Large large(id: u64) -> Vec<u64>, [];
                Unwritable unwritable(id: u64) -> Unwritable, [];

                Minutes10 minutes_10(id: u64) -> u64, [ttl = "10m"];
                Size1 size_1(id: u64) -> u64, [maxsize = 1];
                Size3 size_3(id: u64) -> u64, [maxsize = 3];
                Size8 size_8(id: u64) -> u64, [maxsize = 8];
                Size4Hour size_4_hour(id: u64) -> u64, [maxsize = 4, ttl = "1h"];

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
                Missing missing(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s"];
                Marked marked(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s",
                     err_value = crate::entry_point::methods::failure];
                OtherErr other_err(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::is_no_answer, ttl_err = "10s"];
                PanickingErr panicking_err(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::panics, ttl_err = "10s"];
            }
            refreshed {
                StaleMissing stale_missing(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s"];
                StaleOtherErr stale_other_err(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", cache_err = crate::entry_point::methods::is_no_answer, ttl_err = "10s"];
                Stale stale(id: &str) -> Result<u64, Failure>, [ttl = "10m", stale = "20m"];
                Prefer prefer(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", soft_timeout = "2s"];
                Hurry hurry(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", soft_timeout = "20ms"];
                Early early(id: u64) -> Result<u64, Failure>, [ttl = "10m", early = 0.9];
            }
            future {
                OwnTtl own_ttl(id: u64) -> u64, [ttl_fn = crate::entry_point::methods::seconds];
                FutureMissing future_missing(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s"];
            }
            sync {
                Blocking blocking(id: u64) -> Row, [];
                BlockingEven blocking_even(id: u64) -> u64,
                    [ttl = "1h", cache_if = crate::entry_point::methods::is_even];
                BlockingMissing blocking_missing(id: u64) -> Result<u64, Failure>,
                    [ttl = "1h", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s"];
            }
            refreshed_sync {
                BlockingStaleMissing blocking_stale_missing(id: u64) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m", cache_err = crate::entry_point::methods::is_answer, ttl_err = "10s"];
                BlockingStale blocking_stale(id: &str) -> Result<u64, Failure>,
                    [ttl = "10m", stale = "20m"];
            }
        }
    };
    (@all $emit:ident [$($given:tt)*]
        async { $($async:tt)* } refreshed { $($refreshed:tt)* } future { $($future:tt)* }
        sync { $($sync:tt)* } refreshed_sync { $($refreshed_sync:tt)* }
    ) => {
        $emit! {
            $($given)*
            async { $($async)* $($refreshed)* }
            future { $($future)* }
            sync { $($sync)* $($refreshed_sync)* }
        }
    };
    (@some $emit:ident [$($given:tt)*]
        async { $($async:tt)* } refreshed { $($refreshed:tt)* } future { $($future:tt)* }
        sync { $($sync:tt)* } refreshed_sync { $($refreshed_sync:tt)* }
    ) => {
        $emit! {
            $($given)*
            async { $($async)* }
            future { $($future)* }
            sync { $($sync)* }
        }
    };
}
pub(super) use methods;

/// The methods as a block, of a type with a field `source`: behind an attribute and a header.
macro_rules! block {
    ($(#[$attribute:meta])* impl $($header:ident)+;
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        $(#[$attribute])*
        impl $($header)+ {
            $(
                #[cache($($option)*)]
                async fn $name(&self, $id: $ty) -> $returned {
                    self.source.execute(&$id).await
                }
            )*
            $(
                #[cache($($option_f)*)]
                fn $name_f(&self, $id_f: $ty_f) -> impl Future<Output = $returned_f> + Send {
                    self.source.execute(&$id_f)
                }
            )*
            $(
                #[cache($($option_s)*)]
                fn $name_s(&self, $id_s: $ty_s) -> $returned_s {
                    self.source.execute(&$id_s).wait()
                }
            )*

            #[nocache]
            #[invalidates(plain(id))]
            async fn write_one(&self, id: u64) -> Result<(), Failure> {
                self.source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(..))]
            async fn write_all(&self, id: u64) -> Result<(), Failure> {
                self.source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            async fn write_both(&self, id: u64) -> Result<(), Failure> {
                self.source.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            fn write_both_blocking(&self, id: u64) -> Result<(), Failure> {
                self.source.execute_write(id).wait()
            }
        }
    };
}
pub(super) use block;

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

pub(crate) fn is_even_or_none(number: &Option<u64>) -> bool {
    number.as_ref().is_none_or(is_even)
}

pub(crate) fn seconds(number: &u64) -> Duration {
    Duration::from_secs(*number)
}

pub(crate) fn is_answer(_: &Failure) -> bool {
    true
}

pub(crate) fn is_no_answer(_: &Failure) -> bool {
    false
}

pub(crate) fn panics(_: &Failure) -> bool {
    panic!("as the test wants")
}

pub(crate) fn failure() -> Failure {
    Failure
}

/// Seven says nothing.
pub(crate) fn seconds_of_some(number: &Option<u64>) -> Option<Duration> {
    number
        .filter(|&number| number != 7)
        .map(Duration::from_secs)
}
