//! Whether a value is stored, and for how long: what a method's options say of what it returned.

use std::time::Duration;

use super::return_type::Shape;
use crate::settings;

/// What is to become of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored, for as long as `ttl` says.
    Store,
    /// It is stored for this long; for no time at all, it is not stored.
    StoreFor(Duration),
    /// It is returned and not stored.
    Skip,
}

/// What `ttl_fn` says of a value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how long a value lives",
    label = "`ttl_fn` must return `Duration`, or `Option<Duration>` with `None` for what `ttl` says"
)]
pub trait Life {
    /// The same as a verdict.
    fn verdict(self) -> Verdict;
}

impl Life for Duration {
    fn verdict(self) -> Verdict {
        Verdict::StoreFor(self)
    }
}

impl Life for Option<Duration> {
    fn verdict(self) -> Verdict {
        self.map_or(Verdict::Store, Verdict::StoreFor)
    }
}

impl Verdict {
    /// The verdict of a method without a say.
    pub fn store<T>(_: &T) -> Self {
        Self::Store
    }

    /// Milliseconds to store a value for, `otherwise` where the value does not matter; `None` where
    /// it is not to be stored.
    pub(crate) fn ttl_ms(self, otherwise: u64) -> Option<u64> {
        match self {
            Self::Store => Some(otherwise),
            Self::StoreFor(ttl) if ttl.is_zero() => None,
            Self::StoreFor(ttl) => Some(settings::ms(settings::clamp_ttl(ttl))),
            Self::Skip => None,
        }
    }
}

/// Tells the compiler what the judge of a method that returns `R` is given.
pub fn judge<R, S: Shape<R>, J: Fn(&S::Stored) -> Verdict>(_shape: S, judge: J) -> J {
    judge
}

/// Judges what a method returned, by what of it would be stored.
pub fn judge_returned<R, S: Shape<R>>(
    returned: &R,
    judge: impl Fn(&S::Stored) -> Verdict,
) -> Verdict {
    S::stored(returned).map_or(Verdict::Skip, judge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_never_out_of_the_bounds_of_a_ttl() {
        let year = Duration::from_secs(365 * 24 * 3600);
        for (ttl, ms) in [
            (Duration::ZERO, None),
            (Duration::from_nanos(1), Some(1)),
            (Duration::from_millis(250), Some(250)),
            (year, Some(365 * 24 * 3_600_000)),
            (Duration::MAX, Some(36_500 * 86_400_000)),
        ] {
            assert_eq!(ttl.verdict().ttl_ms(7), ms, "{ttl:?}");
            assert_eq!(Some(ttl).verdict().ttl_ms(7), ms, "{ttl:?}");
        }
        assert_eq!(None.verdict().ttl_ms(7), Some(7));
        assert_eq!(Verdict::Skip.ttl_ms(7), None);
    }
}
