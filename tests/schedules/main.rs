//! Files of the library under a scheduler that decides who runs next: every lock, atomic and await
//! is a place where another task may go on. A failure prints its seed.
//!
//! The files are compiled here once more, with what is in [`sync`] and [`rt`] in place of the
//! real locks and tasks.

#[path = "../../runtime/src/store/redis/health/breaker.rs"]
#[allow(unreachable_pub)]
mod breaker;
mod calls_and_probes;
mod control_key;
mod flights;
#[path = "../../runtime/src/engine/single_flight.rs"]
#[allow(dead_code, unreachable_pub)]
mod single_flight;
mod sync;
mod tag_clock;

use std::cell::Cell;

mod key {
    pub(crate) mod digest {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) struct Field(pub(crate) [u8; 20]);

        impl Field {
            pub(crate) fn call(&self) -> &[u8] {
                &self.0[..16]
            }
        }
    }
}

mod rt {
    pub(crate) use crate::sync;

    pub(crate) mod background {
        use std::convert::Infallible;
        use std::future::Future;

        #[allow(clippy::unnecessary_wraps)] // as the real one
        pub(crate) fn spawn(
            future: impl Future<Output = ()> + Send + 'static,
        ) -> Result<(), Infallible> {
            if crate::is_scheduled() {
                drop(shuttle::future::spawn(future));
            }
            Ok(())
        }
    }
}

thread_local! {
    static SCHEDULED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is one of the schedules, and not a unit test of a file that is compiled here.
fn is_scheduled() -> bool {
    SCHEDULED.get()
}

struct Scheduled;

impl Scheduled {
    fn enter() -> Self {
        SCHEDULED.set(true);
        Self
    }
}

impl Drop for Scheduled {
    fn drop(&mut self) {
        SCHEDULED.set(false);
    }
}

/// Runs a test under schedules drawn by lot, and under those that change their mind rarely, which
/// find what needs a few switches at the right places.
fn under_many_schedules(test: fn()) {
    let _scheduled = Scheduled::enter();
    shuttle::check_random(test, 3_000);
    for switches in 1..=3 {
        shuttle::check_pct(test, 1_000, switches);
    }
}
