//! A call that passes the cache by: it only runs its method.

use super::record::CallRecord;
use crate::engine::Engine;
use crate::method::bound::BoundRef;
use crate::stats::Event;
use crate::stats::outcome::{NotStored, Outcome};

/// A call that passes the cache by.
pub(crate) struct Bypass<'a> {
    engine: &'a Engine,
    method: Option<BoundRef<'a>>,
    record: CallRecord,
    has_returned: bool,
}

impl<'a> Bypass<'a> {
    pub(super) fn begin(engine: &'a Engine, method: Option<BoundRef<'a>>, why: NotStored) -> Self {
        let record = CallRecord::bypass(why);
        if record.outcome() == Some(Outcome::Bypass) {
            engine.count(method.as_deref(), Event::bypass, 1);
        }
        Self {
            engine,
            method,
            record,
            has_returned: false,
        }
    }

    /// The method has returned.
    pub(super) fn returned(&mut self) {
        self.has_returned = true;
    }

    /// The method has returned an error.
    pub(super) fn fail(&mut self) {
        self.has_returned = true;
        self.count_failure();
    }

    fn count_failure(&self) {
        self.engine.count(self.method.as_deref(), Event::failed, 1);
    }
}

impl Drop for Bypass<'_> {
    fn drop(&mut self) {
        if !self.has_returned && std::thread::panicking() {
            self.count_failure();
        }
        self.record.end(self.engine, self.method.as_deref());
    }
}
