//! A store for unit tests of the write pipeline.

use std::sync::{Arc, Mutex};

use super::context::{PutsOptions, WriteSink};
use super::puts::QueuedPut;
use crate::error::Error;
use crate::key::digest::Field;
use crate::store::redis::script;
use crate::store::{Pair, Token};

/// Remembers what it heard, in words.
#[derive(Default)]
pub(super) struct RecordingSink {
    /// Hits are on their way by another connection.
    pub(super) is_recording: bool,
    pub(super) events: Mutex<Vec<String>>,
}

impl RecordingSink {
    fn note(&self, event: String) {
        self.events.lock().unwrap().push(event);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

impl WriteSink for RecordingSink {
    fn begin_puts(&self, pair: &Arc<Pair>, _: &[QueuedPut]) -> Option<PutsOptions> {
        (!self.is_recording).then(|| PutsOptions {
            scripts: script::built_in(pair.policy.tag()),
            sweeps: false,
            field_ttl: false,
            touches: Vec::new(),
        })
    }

    fn sweep_again(&self, _: &Pair) {
        self.note("sweep again".to_owned());
    }

    fn release(&self, _: &Arc<Pair>, field: Field, token: Token) {
        assert_eq!(field.0[0], token.0[0]);
        self.note(format!("release {}", field.0[0]));
    }

    fn put_elsewhere(&self, put: QueuedPut) {
        self.note(format!("elsewhere {}", put.put.field.0[0]));
    }

    fn answered(&self, _: &Pair) {
        self.note("answered".to_owned());
    }

    fn moved(&self) {
        self.note("moved".to_owned());
    }

    fn failed(&self, _: &Arc<Pair>, error: &Error) {
        self.note(format!("failed {:?}", error.fault()));
    }
}
