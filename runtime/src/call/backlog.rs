//! Values on their way into the store, most of them behind their callers: how many this process
//! holds in its memory at a time.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rt::fork::PerProcess;

/// Of all caches of this process. What would be more is not stored.
static BACKLOG: LazyLock<PerProcess<Backlog>> = LazyLock::new(PerProcess::default);

/// Room for one value, given back at its drop.
#[derive(Debug)]
pub(crate) struct Room {
    backlog: &'static Backlog,
    bytes: usize,
}

/// Room for a value of so many bytes, if there is any.
pub(crate) fn room(bytes: usize) -> Option<Room> {
    BACKLOG.get_or_default().room(bytes)
}

#[derive(Debug)]
struct Backlog {
    most_values: usize,
    most_bytes: usize,
    values: AtomicUsize,
    bytes: AtomicUsize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::new(32_768, 64 << 20)
    }
}

impl Backlog {
    const fn new(most_values: usize, most_bytes: usize) -> Self {
        Self {
            most_values,
            most_bytes,
            values: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    fn room(&'static self, bytes: usize) -> Option<Room> {
        let values = self.values.fetch_add(1, Ordering::Relaxed);
        let others = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = Room {
            backlog: self,
            bytes,
        };
        // A value that is larger than all the room waits alone.
        let fits = others == 0 || others.saturating_add(bytes) <= self.most_bytes;
        (values < self.most_values && fits).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.backlog.values.fetch_sub(1, Ordering::Relaxed);
        self.backlog.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_values_and_bytes() {
        static BACKLOG: Backlog = Backlog::new(3, 100);
        let rooms: Vec<_> = (0..4).map(|_| BACKLOG.room(10)).collect();
        assert_eq!(rooms.iter().flatten().count(), 3);
        drop(rooms);
        let first = BACKLOG.room(60);
        assert!(first.is_some());
        assert!(BACKLOG.room(41).is_none());
        assert!(BACKLOG.room(40).is_some());
        drop(first);
        let large = BACKLOG.room(1000);
        assert!(large.is_some(), "alone");
        assert!(BACKLOG.room(1).is_none());
        drop(large);
        assert!(BACKLOG.room(1).is_some());
    }
}
