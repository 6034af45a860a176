//! Files of the library under a scheduler that decides who runs next: every lock, atomic and await
//! is a place where another task may go on. A failure prints its seed.
//!
//! The files are compiled here once more, with locks and tasks of shuttle in place of the real ones.

#[path = "../../runtime/src/flight.rs"]
#[allow(dead_code, unreachable_pub)]
mod flight;
mod flights;

mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
    use std::time::Duration;

    /// A timer fires when the scheduler pleases, but for one without end.
    pub(crate) async fn sleep(time: Duration) {
        if time == Duration::MAX {
            return std::future::pending().await;
        }
        shuttle::future::yield_now().await;
    }
}

mod field {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub(crate) struct Field(pub(crate) [u8; 20]);
}

mod store {
    pub(crate) mod redis {
        use std::convert::Infallible;
        use std::future::Future;

        pub(crate) fn spawn(
            future: impl Future<Output = ()> + Send + 'static,
        ) -> Result<(), Infallible> {
            drop(shuttle::future::spawn(future));
            Ok(())
        }
    }
}

/// Runs a test under schedules drawn by lot, and under those that change their mind rarely, which
/// find what needs a few switches at the right places.
fn under_many_schedules(test: fn()) {
    shuttle::check_random(test, 3_000);
    for switches in 1..=3 {
        shuttle::check_pct(test, 1_000, switches);
    }
}
