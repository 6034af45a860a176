//! Waiting with a limit, without a runtime around it.
//!
//! All waits of the process share one task on the background thread, which sleeps until the first of them
//! is late: to begin a wait and to end it touches a map, and wakes no thread.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::background::spawn;
use super::fork::PerProcess;

/// As good as for ever, where a limit is beyond what the clock can tell.
const LONGEST: Duration = Duration::from_secs(86_400 * 365);

/// The waits of this process.
static TIMERS: LazyLock<PerProcess<Arc<Timers>>> = LazyLock::new(PerProcess::default);

/// Waits for an event, but not longer than this: then there is `None`. It needs no runtime around it.
pub(crate) async fn within<T>(at_most: Duration, event: impl Future<Output = T>) -> Option<T> {
    let now = Instant::now();
    let until = now.checked_add(at_most).unwrap_or(now + LONGEST);
    let mut wait = None;
    let mut event = pin!(event);
    poll_fn(|context| match event.as_mut().poll(context) {
        Poll::Ready(happened) => Poll::Ready(Some(happened)),
        Poll::Pending => {
            let wait = wait.get_or_insert_with(|| Wait::new(until));
            wait.poll(context).map(|()| None)
        }
    })
    .await
}

/// The waits by their ends; the number tells those with the same end apart.
type Wakers = BTreeMap<(Instant, u64), Waker>;

#[derive(Debug, Default)]
struct Timers {
    state: Mutex<TimerState>,
    /// A wait has come that ends before the task would wake up.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct TimerState {
    wakers: Wakers,
    next: u64,
    /// When the task looks next; `None` while there is no task.
    looks_at: Option<Instant>,
}

/// One wait: its drop takes it out of the map.
struct Wait {
    timers: Arc<Timers>,
    until: Instant,
    number: Option<u64>,
}

impl Wait {
    fn new(until: Instant) -> Self {
        Self {
            timers: TIMERS.get_or_default().clone(),
            until,
            number: None,
        }
    }

    /// Ready when it is over, or cannot be had: without the background thread nothing would end it.
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if Instant::now() >= self.until {
            return Poll::Ready(());
        }
        let mut state = self.timers.state();
        if let Some(number) = self.number {
            let waker = state.wakers.entry((self.until, number));
            let known = waker.or_insert_with(|| context.waker().clone());
            known.clone_from(context.waker());
            return Poll::Pending;
        }
        let number = state.next;
        state.next += 1;
        let waker = context.waker().clone();
        state.wakers.insert((self.until, number), waker);
        self.number = Some(number);
        let looks_at = state.looks_at;
        if looks_at.is_none_or(|at| self.until < at) {
            state.looks_at = Some(self.until);
        }
        drop(state);
        match looks_at {
            None if spawn(run(self.timers.clone())).is_err() => {
                self.timers.state().looks_at = None;
                return Poll::Ready(());
            }
            Some(at) if self.until < at => self.timers.earlier.notify_one(),
            _ => {}
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timers.state().wakers.remove(&(self.until, number));
        }
    }
}

impl Timers {
    fn state(&self) -> MutexGuard<'_, TimerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes what is late; returns when to look next. Without waits the task ends.
    fn wake_late(&self) -> Option<Instant> {
        let mut state = self.state();
        let now = Instant::now();
        let later = state.wakers.split_off(&(now, u64::MAX));
        let late = std::mem::replace(&mut state.wakers, later);
        state.looks_at = state.wakers.keys().next().map(|(until, _)| *until);
        let looks_at = state.looks_at;
        drop(state);
        late.into_values().for_each(Waker::wake);
        looks_at
    }
}

async fn run(timers: Arc<Timers>) {
    while let Some(looks_at) = timers.wake_late() {
        // Either way it looks again.
        let _ = tokio::time::timeout_at(looks_at.into(), timers.earlier.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end_in_the_order_of_their_limits_and_events_end_them_before() {
        let started = Instant::now();
        let after = |ms| within(Duration::from_millis(ms), std::future::pending::<()>());
        let threads: Vec<_> = [300, 20, 150]
            .map(|ms| {
                std::thread::spawn(move || (pollster::block_on(after(ms)), started.elapsed()))
            })
            .into_iter()
            .collect();
        let ended: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        for ((event, took), ms) in ended.into_iter().zip([300, 20, 150]) {
            assert_eq!(event, None);
            assert!(took >= Duration::from_millis(ms), "{ms} ms took {took:?}");
        }
        let event = pollster::block_on(within(Duration::MAX, std::future::ready(7)));
        assert_eq!(event, Some(7));
    }

    #[test]
    fn a_wait_that_is_dropped_leaves_nothing() {
        let timers = TIMERS.get_or_default();
        let until = Instant::now() + Duration::from_secs(3600);
        let mut wait = Wait::new(until);
        assert!(wait.poll(&Context::from_waker(Waker::noop())).is_pending());
        let key = (until, wait.number.unwrap());
        assert!(timers.state().wakers.contains_key(&key));
        drop(wait);
        assert!(!timers.state().wakers.contains_key(&key));
    }
}
