//! Entries that could not be read, on their way out, behind the calls that found them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::digest::Field;
use crate::rt::background;
use crate::store::ExpectedEntry;
use crate::store::Pair;
use crate::store::redis::{Client, script, text, timed};

/// Each holds a copy of an entry: whoever floods a pair with garbage shall not fill our memory.
const UNDER_WAY: usize = 16;

/// Fields that are being discarded.
#[derive(Debug, Default)]
pub(crate) struct Discards(Mutex<HashSet<Field>>);

/// A slot among them, given back by its drop.
struct DiscardSlot {
    discards: Arc<Discards>,
    field: Field,
}

impl Discards {
    fn fields(&self) -> MutexGuard<'_, HashSet<Field>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(self: &Arc<Self>, field: Field) -> Option<DiscardSlot> {
        let mut fields = self.fields();
        (fields.len() < UNDER_WAY && fields.insert(field)).then(|| DiscardSlot {
            discards: self.clone(),
            field,
        })
    }
}

impl Drop for DiscardSlot {
    fn drop(&mut self) {
        self.discards.fields().remove(&self.field);
    }
}

impl Client {
    pub(crate) fn discard(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        field: Field,
        seen: ExpectedEntry<'_>,
    ) {
        let Some(slot) = self.discards.slot(field) else {
            return;
        };
        let (length, bytes) = match seen {
            ExpectedEntry::Bytes(bytes) => (bytes.len(), bytes.to_vec()),
            ExpectedEntry::Length(length) => (length, Vec::new()),
        };
        let args = [field.0.to_vec(), text(length as u64), bytes];
        let (client, pair) = (self.clone(), pair.clone());
        // Without a driver nothing was found either.
        let _ = background::spawn(async move {
            let _place = slot;
            // Nobody waits for it: a store in trouble keeps the entry, which stays a miss.
            if client.connection.is_up() {
                let script = &script::DISCARD;
                let _ = timed(client.script(script, &pair.stem, &args)).await;
            }
        });
    }
}
