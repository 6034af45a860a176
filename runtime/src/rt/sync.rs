//! What code that threads race in is made of: `tests/schedules` compiles the same files with its
//! own, which run every schedule of a test on one thread.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use tokio::time::sleep;
