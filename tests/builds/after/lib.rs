//! A program after a deployment that changes one line: how `price` reads the row.

#[macro_use]
#[path = "../shelf.rs"]
mod builds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::cache_impl;
use tokio::sync::watch;

shelf!(Relaxed);

/// What the programs share, as they share a database.
#[derive(Debug, Default)]
pub struct Row {
    pub value: AtomicU64,
    /// While it is set, what has read the row does not return.
    pub is_held: watch::Sender<bool>,
}

/// Reads the row, and writes it.
#[derive(Debug)]
pub struct Prices {
    pub row: Arc<Row>,
    /// How often the program has read the row.
    pub runs: AtomicU64,
    pub last_written: AtomicU64,
}

#[cache_impl]
impl Prices {
    pub async fn price(&self, _id: u64) -> u64 {
        let value = self.row.value.load(Ordering::Acquire);
        self.runs.fetch_add(1, Ordering::SeqCst);
        let mut is_held = self.row.is_held.subscribe();
        let _ = is_held.wait_for(|is_held| !is_held).await;
        value
    }

    pub async fn other(&self, id: u64) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        id
    }

    #[nocache]
    #[invalidates(price(id))]
    pub async fn set_price(&self, id: u64, value: u64) {
        self.last_written.store(id, Ordering::SeqCst);
        self.row.value.store(value, Ordering::SeqCst);
    }

    #[nocache]
    #[updates(price(id))]
    pub async fn reprice(&self, id: u64, value: u64) -> u64 {
        self.last_written.store(id, Ordering::SeqCst);
        self.row.value.store(value, Ordering::SeqCst);
        value
    }

    #[nocache]
    #[invalidates(price(..))]
    pub async fn set_all(&self, value: u64) {
        self.row.value.store(value, Ordering::SeqCst);
    }
}
