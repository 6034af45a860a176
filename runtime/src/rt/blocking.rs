//! Waiting on this thread, for sync methods.

use std::cell::Cell;
use std::future::Future;

thread_local! {
    static BLOCKED: Cell<bool> = const { Cell::new(false) };
}

/// Waits for a future on this thread, with a runtime around it or without.
///
/// In a task of tokio, channels and timers count what they give and after 128 times have nothing to
/// give until the task yields (its cooperative budget). A thread that waits never yields: so the
/// future is exempt, or a task's 129th call of a sync method would wait for ever.
pub fn wait<F: Future>(future: F) -> F::Output {
    let _blocked = BlockedGuard(BLOCKED.replace(true));
    pollster::block_on(tokio::task::unconstrained(future))
}

/// Whether this thread is blocked by the call that it runs, so that its runtime may make no progress.
pub(crate) fn is_blocked() -> bool {
    BLOCKED.get()
}

struct BlockedGuard(bool);

impl Drop for BlockedGuard {
    fn drop(&mut self) {
        BLOCKED.set(self.0);
    }
}
