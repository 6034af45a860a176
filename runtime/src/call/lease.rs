//! The right to store what a computation returns.
//!
//! Whoever begins a computation writes its token into the store; a value is stored only while that
//! token is there. So an invalidation, or a later start, overtakes every computation before it,
//! whichever process runs it. Across processes a lease also says that somebody computes already.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use super::commit::Committed;
use crate::cache::Cache;
use crate::deadline::Budget;
use crate::engine::single_flight::{Abroad, Joined, Lead};
use crate::error::Error;
use crate::key::digest::Field;
use crate::method::{Bound, Pair};
use crate::rt::fork::PerProcess;
use crate::rt::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use crate::settings::Stampede;
use crate::store::redis::Verdict;
use crate::store::{Begin, Begun, Found, Listener, Manner, Token, Unwanted, within};

/// Between two looks while somebody else computes; a message makes it shorter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The leases of this process.
static HELD: LazyLock<PerProcess<AllHeld>> = LazyLock::new(PerProcess::default);

type AllHeld = Mutex<HashMap<Token, Weak<Held>>>;

/// A computation that may store. Once all who compute under it are gone, others begin.
pub(crate) struct Lease(Arc<Held>);

struct Held {
    cache: Cache,
    pair: Arc<Pair>,
    field: Field,
    token: Token,
    /// For so long nobody is to refresh the field, if it ends without a value.
    pause_ms: AtomicU64,
    is_open: AtomicBool,
}

/// What asking for a lease came to.
pub(crate) enum Asked {
    Granted(Lease),
    /// There is an entry by now; `waited` if another process computed it meanwhile. It is good for
    /// all who had `joined` before the store was asked.
    Found {
        found: Found,
        waited: bool,
        joined: Option<Joined>,
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
        lead: Option<&Lead>,
        budget: &mut Budget,
    ) -> Result<Asked, Error> {
        // Made before the store is asked: a caller who goes away meanwhile gives back what it gets.
        let mut lease = Self::new(cache, bound, field);
        let mut begin = Begin {
            field,
            token: lease.token(),
            manner,
            unwanted,
            call_has: budget.whole(),
            tag: bound.tag,
        };
        let patience = match bound.fresh.stampede {
            Stampede::Lease => bound.patience_abroad(),
            Stampede::Local | Stampede::Off => Duration::ZERO,
        };
        let give_up = Instant::now() + patience;
        let mut waits: Option<(Listener, Option<Abroad>)> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let heard = waits.as_ref().map(|(listener, _)| listener.heard());
            let joined = lead.map(Lead::joined);
            let begun = budget
                .spend(|left| cache.store().begin(&bound.pair, begin, left))
                .await;
            if let Err(error) = &begun
                && error.verdict() != Verdict::Failed
            {
                // It was refused, or never asked: there is nothing to give back.
                lease.close();
            }
            match begun? {
                Begun::Leads => return Ok(Asked::Granted(lease)),
                Begun::Hit(found) => {
                    lease.close();
                    let waited = waits.is_some();
                    return Ok(Asked::Found {
                        found,
                        waited,
                        joined,
                    });
                }
                Begun::Waits { .. } if manner == Manner::Refreshes => {
                    lease.close();
                    return Ok(Asked::Busy);
                }
                // Calls of this process that want the same have waited for each other already.
                Begun::Waits { holder, .. }
                    if holder.is_of(cache.id()) || Instant::now() >= give_up =>
                {
                    // Who leads beside others may store as they may: overtaking each other, they
                    // would all compute in vain.
                    if let Some(shared) = Self::of(holder) {
                        lease.close();
                        return Ok(Asked::Granted(shared));
                    }
                    begin.manner = Manner::TakesOver;
                }
                Begun::Waits { left, .. } => match heard {
                    None => {
                        let listener = cache.store().listen(&bound.pair, field);
                        waits = Some((listener, lead.map(Lead::waits_abroad)));
                    }
                    Some(heard) => {
                        within(pause.min(left + Duration::from_millis(1)), heard).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                },
            }
        }
    }

    fn new(cache: &Cache, bound: &Bound, field: Field) -> Self {
        let held = Arc::new(Held {
            cache: cache.clone(),
            pair: bound.pair.clone(),
            field,
            token: Token::new(cache.id()),
            pause_ms: AtomicU64::new(0),
            is_open: AtomicBool::new(true),
        });
        all_held().insert(held.token, Arc::downgrade(&held));
        Self(held)
    }

    /// The lease of this process with this token, as long as it is good for storing.
    fn of(token: Token) -> Option<Self> {
        let held = all_held().get(&token).and_then(Weak::upgrade)?;
        held.is_open.load(Ordering::SeqCst).then_some(Self(held))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    /// What the store says of a computation so far.
    pub(crate) async fn holds(&self, budget: &mut Budget) -> Committed {
        let store = self.0.cache.store();
        let holds =
            budget.spend(|left| store.holds(&self.0.pair, self.0.field, self.0.token, left));
        match holds.await {
            Ok(true) => Committed::Current,
            Ok(false) => Committed::Overtaken,
            Err(_) => Committed::Unknown,
        }
    }

    /// Keeps refreshes off for a while if this one ends without a value.
    pub(crate) fn pause(&mut self, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.0.pause_ms.store(pause_ms, Ordering::SeqCst);
    }

    /// The store has ended the lease, or never granted it.
    pub(crate) fn close(&mut self) {
        self.0.is_open.store(false, Ordering::SeqCst);
        self.0.cache.store().let_go(self.0.token);
    }
}

fn all_held() -> MutexGuard<'static, HashMap<Token, Weak<Held>>> {
    let held = HELD.get_or_default().lock();
    held.unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Held {
    fn drop(&mut self) {
        all_held().remove(&self.token);
        if self.is_open.load(Ordering::SeqCst) {
            let pause = Duration::from_millis(self.pause_ms.load(Ordering::SeqCst));
            let store = self.cache.store();
            store.abandon(&self.pair, self.field, self.token, pause);
        }
    }
}
