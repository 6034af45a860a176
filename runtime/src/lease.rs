//! The right to store what a computation returns.
//!
//! Whoever begins a computation writes its token into the store; a value is stored only while that
//! token is there. So an invalidation, or a later start, overtakes every computation before it,
//! whichever process runs it. Across processes a lease also says that somebody computes already.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::cache::Cache;
use crate::error::Error;
use crate::field::Field;
use crate::method::{Bound, Pair};
use crate::store::{Begin, Begun, Found, Listener, Manner, Token, Unwanted, within};

/// Between two looks while somebody else computes; a message makes it shorter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A computation that may store. Its drop lets others begin.
pub(crate) struct Lease {
    cache: Cache,
    pair: Arc<Pair>,
    field: Field,
    token: Token,
    /// For so long nobody is to refresh the field, if it ends without a value.
    pause: Duration,
    is_open: bool,
}

/// What asking for a lease came to.
pub(crate) enum Asked {
    Granted(Lease),
    /// There is an entry by now; `waited` if another process computed it meanwhile.
    Found {
        found: Found,
        waited: bool,
    },
    /// Another one refreshes the field, or has failed to a short while ago.
    Busy,
}

impl Lease {
    /// Begins a computation, as soon as no other process is at it.
    pub(crate) async fn ask(
        cache: &Cache,
        bound: &Bound,
        field: Field,
        manner: Manner,
        unwanted: Unwanted,
        budget: &mut Budget,
    ) -> Result<Asked, Error> {
        // Made before the store is asked: a caller who goes away meanwhile gives back what it gets.
        let mut lease = Self {
            cache: cache.clone(),
            pair: bound.pair.clone(),
            field,
            token: Token::new(cache.id()),
            pause: Duration::ZERO,
            is_open: true,
        };
        let mut begin = Begin {
            field,
            token: lease.token,
            manner,
            unwanted,
        };
        let give_up = Instant::now() + bound.patience_abroad();
        let mut listener = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let heard = listener.as_ref().map(Listener::heard);
            let begun = budget
                .spend(|left| cache.store().begin(&bound.pair, begin, left))
                .await?;
            match begun {
                Begun::Leads => return Ok(Asked::Granted(lease)),
                Begun::Hit(found) => {
                    lease.close();
                    let waited = listener.is_some();
                    return Ok(Asked::Found { found, waited });
                }
                Begun::Waits { .. } if manner == Manner::Refreshes => {
                    lease.close();
                    return Ok(Asked::Busy);
                }
                // Calls of this process that want the same have waited for each other already.
                Begun::Waits { holder, .. }
                    if holder.is_of(cache.id()) || Instant::now() >= give_up =>
                {
                    begin.manner = Manner::TakesOver;
                }
                Begun::Waits { left, .. } => match heard {
                    None => listener = Some(cache.store().listen(&bound.pair, field)),
                    Some(heard) => {
                        within(pause.min(left + Duration::from_millis(1)), heard).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                },
            }
        }
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Whether nothing has overtaken the computation so far. Trouble with the store says nothing
    /// against it.
    pub(crate) async fn holds(&self, budget: &mut Budget) -> bool {
        let store = self.cache.store();
        let holds = budget.spend(|left| store.holds(&self.pair, self.field, self.token, left));
        holds.await.unwrap_or(true)
    }

    /// Keeps refreshes off for a while if this one ends without a value.
    pub(crate) fn pause(&mut self, pause: Duration) {
        self.pause = pause;
    }

    /// The store has ended the lease, or never granted it.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
        self.cache.store().let_go(self.token);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_open {
            let store = self.cache.store();
            store.abandon(&self.pair, self.field, self.token, self.pause);
        }
    }
}
