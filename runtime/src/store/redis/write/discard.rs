//! Removing entries that could not be read, in the background.

use std::sync::Arc;

use crate::key::digest::Field;
use crate::rt::background;
use crate::store::redis::client::{Client, text, timed};
use crate::store::redis::script;
use crate::store::{ExpectedEntry, Pair};

impl Client {
    pub(crate) fn discard(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        field: Field,
        expected: ExpectedEntry<'_>,
    ) {
        let Some(slot) = self.discards.slot(field) else {
            return;
        };
        let (length, bytes) = match expected {
            ExpectedEntry::Bytes(bytes) => (bytes.len(), bytes.to_vec()),
            ExpectedEntry::Length(length) => (length, Vec::new()),
        };
        let args = [field.0.to_vec(), text(length as u64), bytes];
        let (client, pair) = (self.clone(), pair.clone());
        // Without the background thread no entry was found either.
        let _ = background::spawn(async move {
            let _slot = slot;
            // No call waits for it: a store in trouble keeps the entry, which stays a miss.
            if client.connection.is_up() {
                let script = &script::DISCARD;
                let _ = timed(client.script(script, &pair.stem, &args)).await;
            }
        });
    }
}
