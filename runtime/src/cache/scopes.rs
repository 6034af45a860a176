//! Modes and statistics of a future or closure.

use std::future::Future;

use super::Cache;
use crate::engine::scope::{Frame, Mode, Scope};
use crate::stats::Stats;

impl Cache {
    /// Runs a future, and returns with its output what its calls on this cache's wrappers did.
    ///
    /// Tasks that the future spawns are not counted: a scope holds for the task it is in.
    pub async fn with_stats<F: Future>(&self, future: F) -> (F::Output, Stats) {
        let scope = self.scope(Frame::Stats(Box::default()));
        // A box, or the future would stand in this one three times.
        let output = scope.run(Box::pin(future)).await;
        (output, scope.stats())
    }

    /// [`with_stats`](Self::with_stats) for a closure.
    pub fn with_stats_sync<T>(&self, run: impl FnOnce() -> T) -> (T, Stats) {
        let scope = self.scope(Frame::Stats(Box::default()));
        let guard = scope.enter();
        let output = run();
        drop(guard);
        (output, scope.stats())
    }

    /// Runs a future whose calls on this cache's wrappers obey this mode. Inner scopes win.
    ///
    /// Tasks that the future spawns are not in the scope.
    pub async fn with_mode<F: Future>(&self, mode: Mode, future: F) -> F::Output {
        self.scope(Frame::Mode(mode)).run(Box::pin(future)).await
    }

    /// [`with_mode`](Self::with_mode) for a closure.
    pub fn with_mode_sync<T>(&self, mode: Mode, run: impl FnOnce() -> T) -> T {
        let _guard = self.scope(Frame::Mode(mode)).enter();
        run()
    }

    fn scope(&self, frame: Frame) -> Scope {
        Scope::new(self.0.id(), frame)
    }
}

macro_rules! modes {
    ($($(#[$doc:meta])* $name:ident $name_sync:ident $read:literal $write:literal;)*) => {
        impl Cache {
            $(
                $(#[$doc])*
                pub async fn $name<F: Future>(&self, future: F) -> F::Output {
                    self.with_mode(Mode { read: $read, write: $write }, Box::pin(future)).await
                }

                #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), ") for a closure.")]
                pub fn $name_sync<T>(&self, run: impl FnOnce() -> T) -> T {
                    self.with_mode_sync(Mode { read: $read, write: $write }, run)
                }
            )*
        }
    };
}
modes! {
    /// Runs a future whose calls are answered from the cache where they can be, and store nothing.
    read_only read_only_sync true false;
    /// Runs a future whose calls run their methods and store what those return.
    write_only write_only_sync false true;
    /// Runs a future whose calls run their methods, as if there were no cache.
    disable_rw disable_rw_sync false false;
}
