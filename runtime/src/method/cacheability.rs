//! Whether a value is stored, and for how long, by the method's options.

use std::time::Duration;

use super::return_type::ReturnType;
use crate::error::Error;
use crate::key::tags::{TagIds, Tags};
use crate::settings;

/// Whether a value is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cacheability {
    /// It is stored, with the TTL of the method.
    Cacheable,
    /// It is stored with this TTL; with a TTL of zero it is not stored.
    For(Duration),
    /// It is returned and not stored.
    Uncacheable,
    /// It is an error, which is stored for this long.
    Error(Duration),
    /// It is an error, which is neither stored nor shared.
    Failed,
    /// The same with tags that the value itself has.
    Tagged(Box<(Self, Tags)>),
}

/// What `ttl_fn` may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TTL",
    label = "`ttl_fn` must return `Duration`, or `Option<Duration>` with `None` for the value of `ttl`"
)]
pub trait IntoCacheability {
    /// The cacheability that it means.
    fn into_cacheability(self) -> Cacheability;
}

impl IntoCacheability for Duration {
    fn into_cacheability(self) -> Cacheability {
        Cacheability::For(self)
    }
}

impl IntoCacheability for Option<Duration> {
    fn into_cacheability(self) -> Cacheability {
        self.map_or(Cacheability::Cacheable, Cacheability::For)
    }
}

impl Cacheability {
    /// The condition of a method without one.
    pub fn always<T>(_: &T) -> Self {
        Self::Cacheable
    }

    /// Adds tags that the value itself has.
    #[must_use]
    pub fn tagged(self, tags: impl FnOnce() -> Tags) -> Self {
        Self::Tagged(Box::new((self, tags())))
    }

    /// # Errors
    /// A tag has no canonical form, or there are too many.
    pub(crate) fn value_tags(&self) -> Result<TagIds, Error> {
        match self {
            Self::Tagged(tagged) => tagged.1.clone().ids(),
            _ => Ok(TagIds::NONE),
        }
    }

    /// Milliseconds to store a value for, `otherwise` where the value does not matter; `None` where
    /// it is not to be stored.
    pub(crate) fn ttl_ms(&self, otherwise: u64) -> Option<u64> {
        match self {
            Self::Cacheable => Some(otherwise),
            Self::For(ttl) if ttl.is_zero() => None,
            Self::For(ttl) | Self::Error(ttl) => Some(settings::ms(settings::clamp_ttl(*ttl))),
            Self::Uncacheable | Self::Failed => None,
            Self::Tagged(tagged) => tagged.0.ttl_ms(otherwise),
        }
    }
}

/// Gives the compiler the type of the values that the condition of a method that returns `R` is given.
pub fn condition<R, S: ReturnType<R>, C: Fn(&S::Stored) -> Cacheability>(
    _return_type: S,
    condition: C,
) -> C {
    condition
}

/// The cacheability of what a method returned, by the part of it that would be stored.
pub fn cacheability_of<R, S: ReturnType<R>>(
    returned: &R,
    condition: impl Fn(&S::Stored) -> Cacheability,
) -> Cacheability {
    S::stored_in(returned).map_or(Cacheability::Uncacheable, condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_of_a_value_is_clamped_to_its_bounds() {
        let year = Duration::from_secs(365 * 24 * 3600);
        for (ttl, ms) in [
            (Duration::ZERO, None),
            (Duration::from_nanos(1), Some(1)),
            (Duration::from_millis(250), Some(250)),
            (year, Some(365 * 24 * 3_600_000)),
            (Duration::MAX, Some(36_500 * 86_400_000)),
        ] {
            assert_eq!(ttl.into_cacheability().ttl_ms(7), ms, "{ttl:?}");
            assert_eq!(Some(ttl).into_cacheability().ttl_ms(7), ms, "{ttl:?}");
        }
        assert_eq!(None.into_cacheability().ttl_ms(7), Some(7));
        assert_eq!(Cacheability::Uncacheable.ttl_ms(7), None);
    }
}
