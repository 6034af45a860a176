//! Leases: the right to store what a computation returns, and single-flight across processes.
//!
//! A computation writes a fencing token into the store before it runs; its value is stored only while
//! that token is there. So an invalidation, or a later start, fences off every computation before it,
//! in whichever process. While a lease is held, other processes wait for the value.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::single_flight::JoinMark;
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::rt::fork::PerProcess;
use crate::rt::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use crate::store::{EntryOf, Pair, Put, StoreView, Token};

/// The leases of this process.
static HELD: LazyLock<PerProcess<AllHeld>> = LazyLock::new(PerProcess::default);

type AllHeld = Mutex<HashMap<Token, Weak<HeldLease>>>;

/// A computation that may store. Once every call that computes under it is gone, it is released.
pub(crate) struct Lease(Arc<HeldLease>);

struct HeldLease {
    engine: Engine,
    pair: Arc<Pair>,
    field: Field,
    token: Token,
    /// For how long no process refreshes the field, if it ends without a value.
    backoff_ms: AtomicU64,
    is_open: AtomicBool,
    /// What was known of the store when it was granted.
    granted: OnceLock<StoreView>,
}

/// Whether a computation may still store: what the store says of its fencing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FenceCheck {
    /// The token is there: the value is current.
    Passed,
    /// An invalidation, or a later start of the same computation, has removed it.
    Fenced,
    /// The store is failing, or has not answered yet.
    Unknown,
}

impl FenceCheck {
    /// Which followers may be given the value: those that had joined before the store was asked, if it is current;
    /// those that had joined before the method ran, if the store does not know. For others it may be too old.
    pub(super) fn followers(
        self,
        before_asking: Option<JoinMark>,
        before_execution: Option<JoinMark>,
    ) -> Option<JoinMark> {
        match self {
            Self::Passed => before_asking,
            Self::Unknown => before_execution,
            // There is, or will be, a later value for them.
            Self::Fenced => None,
        }
    }
}

impl Lease {
    pub(super) fn new(engine: &Engine, pair: &Arc<Pair>, field: Field) -> Self {
        let held = Arc::new(HeldLease {
            engine: engine.clone(),
            pair: pair.clone(),
            field,
            token: Token::new(engine.id()),
            backoff_ms: AtomicU64::new(0),
            is_open: AtomicBool::new(true),
            granted: OnceLock::new(),
        });
        all_held().insert(held.token, Arc::downgrade(&held));
        Self(held)
    }

    /// The lease of this process with this token, if it has been granted and still permits a put. One that has not
    /// may yet be asked for again, and would then cover what was computed before that.
    /// Nor one that a tag may have overtaken since: what is computed under it would not be stored.
    pub(super) fn of(token: Token, seen: Option<StoreView>) -> Option<Self> {
        let held = all_held().get(&token).and_then(Weak::upgrade)?;
        let granted = held.granted.get()?;
        let is_overtaken = seen.is_some_and(|seen| seen.origin.began > granted.origin.began);
        (!is_overtaken && held.is_open.load(Ordering::SeqCst)).then_some(Self(held))
    }

    pub(crate) fn token(&self) -> Token {
        self.0.token
    }

    pub(super) fn granted(&mut self, view: StoreView) {
        // The first grant counts: a lease is granted once.
        let _ = self.0.granted.set(view);
    }

    /// Has a value stored under this lease, while it holds.
    pub(crate) fn covers(&self, put: &mut Put) {
        put.token = Some(self.0.token);
        if let Some(view) = self.0.granted.get() {
            put.origin = view.origin;
            put.now = Some(view.at);
        }
    }

    /// Asks the store, without a put of the value that would have these tags.
    pub(crate) async fn check_fence(&self, tags: &TagIds, at_most: Duration) -> FenceCheck {
        match self.is_current(tags, at_most).await {
            Ok(true) => FenceCheck::Passed,
            Ok(false) => FenceCheck::Fenced,
            Err(_) => FenceCheck::Unknown,
        }
    }

    async fn is_current(&self, tags: &TagIds, at_most: Duration) -> Result<bool, Error> {
        let HeldLease {
            engine,
            pair,
            field,
            token,
            ..
        } = &*self.0;
        let store = engine.store();
        if !store.is_current(pair, *field, *token, at_most).await? {
            return Ok(false);
        }
        if !tags.are_declared() {
            return Ok(true);
        }
        let wanted = EntryOf {
            field: *field,
            method: pair.method,
            tags: tags.clone(),
        };
        let view = store.peek(pair, wanted, at_most).await?.tags;
        let began = self.0.granted.get().map_or(0, |view| view.origin.began);
        Ok(view.is_some_and(|view| !view.is_invalidated(began)))
    }

    /// Prevents refreshes for a while if this one ends without a value.
    pub(crate) fn set_backoff(&mut self, backoff: Duration) {
        let backoff_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX);
        self.0.backoff_ms.store(backoff_ms, Ordering::SeqCst);
    }

    /// The store has ended the lease, or has never granted it.
    pub(crate) fn close(&mut self) {
        self.0.is_open.store(false, Ordering::SeqCst);
        self.0.engine.store().forget_lease(self.0.token);
    }
}

fn all_held() -> MutexGuard<'static, HashMap<Token, Weak<HeldLease>>> {
    let held = HELD.get_or_default().lock();
    held.unwrap_or_else(PoisonError::into_inner)
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        all_held().remove(&self.token);
        if self.is_open.load(Ordering::SeqCst) {
            let backoff = Duration::from_millis(self.backoff_ms.load(Ordering::SeqCst));
            let store = self.engine.store();
            store.release_lease(&self.pair, self.field, self.token, backoff);
        }
    }
}
