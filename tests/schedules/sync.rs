//! Locks that let the scheduler choose who goes on. Outside of schedules they are the real ones.

use std::ops::{Deref, DerefMut};
use std::sync as real;
use std::time::Duration;

pub(crate) use std::sync::PoisonError;

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

/// A timer fires when the scheduler pleases, but for one without end.
pub(crate) async fn sleep(time: Duration) {
    if time == Duration::MAX {
        return std::future::pending().await;
    }
    shuttle::future::yield_now().await;
}
