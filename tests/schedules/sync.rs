//! Locks that let the scheduler choose who goes on. Outside of schedules they are the real ones.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync as real;
use std::time::Duration;

pub(crate) use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;

#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    turn: shuttle::sync::Mutex<()>,
    held: real::Mutex<T>,
}

pub(crate) struct MutexGuard<'a, T> {
    held: real::MutexGuard<'a, T>,
    // Dropped last: who has its turn finds the lock free.
    _turn: Option<shuttle::sync::MutexGuard<'a, ()>>,
}

impl<T> Mutex<T> {
    /// Never poisoned: no schedule panics with a lock held.
    #[allow(clippy::unnecessary_wraps)] // as the real one
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> {
        let turn = super::is_scheduled().then(|| self.turn.lock().unwrap());
        Ok(MutexGuard {
            held: self.held.lock().unwrap(),
            _turn: turn,
        })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicU64 {
    turn: shuttle::sync::Mutex<()>,
    held: real::atomic::AtomicU64,
}

impl AtomicU64 {
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        let _turn = self.turn();
        self.held.load(ordering)
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        let _turn = self.turn();
        self.held.store(value, ordering);
    }

    pub(crate) fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
        let _turn = self.turn();
        self.held.fetch_add(value, ordering)
    }

    fn turn(&self) -> Option<shuttle::sync::MutexGuard<'_, ()>> {
        super::is_scheduled().then(|| self.turn.lock().unwrap())
    }
}

thread_local! {
    static FIRED: Cell<u64> = const { Cell::new(0) };
}

/// How many timers have fired since this was asked last.
pub(crate) fn fired() -> u64 {
    FIRED.take()
}

/// A timer fires when the scheduler pleases, but for one without end.
pub(crate) async fn sleep(time: Duration) {
    if time == Duration::MAX {
        return std::future::pending().await;
    }
    shuttle::future::yield_now().await;
    FIRED.set(FIRED.get() + 1);
}
