//! Whether this process has added a pair to an index, by which others find it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::header::Epoch;

/// How long an addition counts. A failover may lose a part of an index, and its mark not: so a pair is added again from time
/// to time.
const LASTS: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A pair in an index of the pairs of its cache: of all, or of those with tags.
#[derive(Debug, Default)]
pub(crate) struct IndexMembership {
    /// The key that has the index.
    pub(crate) index: String,
    state: Mutex<MembershipState>,
}

#[derive(Debug, Default)]
struct MembershipState {
    is_under_way: bool,
    /// The epoch in which it was added, and until when that counts. The pair may have been lost since an earlier one, and
    /// the index before that.
    until: Option<(Epoch, Instant)>,
}

impl MembershipState {
    fn is_current(&self, epoch: Epoch) -> bool {
        self.until
            .is_some_and(|(known, until)| known == epoch && Instant::now() < until)
    }
}

impl IndexMembership {
    pub(crate) fn new(index: String) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Whether it is in the index, as far as is known here.
    pub(crate) fn is_current(&self, epoch: Epoch) -> bool {
        self.state().is_current(epoch)
    }

    /// Whether it is to be added now, by the caller, which then has to [end](Self::end) that.
    pub(crate) fn begin(&self, epoch: Epoch) -> bool {
        let mut state = self.state();
        if state.is_current(epoch) || state.is_under_way {
            return false;
        }
        state.is_under_way = true;
        true
    }

    pub(crate) fn end(&self, epoch: Epoch, is_added: bool) {
        let counts = if is_added { LASTS } else { PAUSE_AFTER_FAILURE };
        *self.state() = MembershipState {
            is_under_way: false,
            until: Some((epoch, Instant::now() + counts)),
        };
    }

    fn state(&self) -> MutexGuard<'_, MembershipState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_added_once_for_each_epoch() {
        let membership = IndexMembership::new("shop:pairs".to_owned());
        let (one, other) = (Epoch([1; 8]), Epoch([2; 8]));
        assert!(membership.begin(one));
        assert!(!membership.begin(one), "it is under way");
        membership.end(one, true);
        assert!(membership.is_current(one) && !membership.is_current(other));
        assert!(!membership.begin(one));
        assert!(membership.begin(other));
        membership.end(other, false);
        assert!(!membership.begin(other), "it has just failed");
    }

    #[test]
    fn a_pair_is_added_again_after_a_minute() {
        let membership = IndexMembership::default();
        let epoch = Epoch([1; 8]);
        membership.end(epoch, true);
        let (_, until) = membership.state().until.unwrap();
        let left = until - Instant::now();
        assert!(left <= Duration::from_secs(60), "{left:?}");
        membership.state().until = Some((epoch, Instant::now()));
        assert!(!membership.is_current(epoch));
        assert!(membership.begin(epoch));
    }
}
