//! Whether this process has put a pair on the list of a cache's pairs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::header::Epoch;

/// A failover may lose a part of the list, and not all of it: so a pair is listed again from time to time.
const LISTED_FOR: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A pair of its own for a method, which others cannot name: it is listed.
#[derive(Debug)]
pub(crate) struct PairListing {
    /// The key that has the list.
    pub(crate) index: String,
    state: Mutex<ListingState>,
}

#[derive(Debug, Default)]
struct ListingState {
    is_under_way: bool,
    /// The epoch in which it was listed, and until when that counts. The pair may have been lost since an earlier one,
    /// and the list before that.
    until: Option<(Epoch, Instant)>,
}

impl PairListing {
    pub(crate) fn new(index: String) -> Self {
        Self {
            index,
            state: Mutex::default(),
        }
    }

    /// Whether the pair is to be listed now, by the caller, which then has to [end](Self::end) that.
    pub(crate) fn begin(&self, epoch: Epoch) -> bool {
        let mut state = self.state();
        let is_listed = state
            .until
            .is_some_and(|(known, until)| known == epoch && Instant::now() < until);
        if is_listed || state.is_under_way {
            return false;
        }
        state.is_under_way = true;
        true
    }

    pub(crate) fn end(&self, epoch: Epoch, is_listed: bool) {
        let life = if is_listed {
            LISTED_FOR
        } else {
            PAUSE_AFTER_FAILURE
        };
        *self.state() = ListingState {
            is_under_way: false,
            until: Some((epoch, Instant::now() + life)),
        };
    }

    fn state(&self) -> MutexGuard<'_, ListingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_listed_once_for_each_epoch() {
        let listing = PairListing::new("shop:pairs".to_owned());
        let (one, other) = (Epoch([1; 8]), Epoch([2; 8]));
        assert!(listing.begin(one));
        assert!(!listing.begin(one), "it is under way");
        listing.end(one, true);
        assert!(!listing.begin(one));
        assert!(listing.begin(other));
        listing.end(other, false);
        assert!(!listing.begin(other), "it has just failed");
    }
}
