//! Removing entries that cannot be read, and those that a newer value has overtaken.

use std::time::Duration;

use super::attempt::KeyedCall;
use crate::error::Error;
use crate::stats::Event;
use crate::store::{ExpectedEntry, OfBuilds};

impl KeyedCall<'_> {
    /// Counts an entry that cannot be read, and removes it in the background: after a miss that does
    /// not end in a put, every call would fetch it again.
    #[cold]
    pub(crate) fn discard_unreadable(&self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            return;
        };
        self.count(Event::undecodable, 1);
        let expected = match self.within_limit(bytes) {
            Some(bytes) => ExpectedEntry::Bytes(bytes),
            None => ExpectedEntry::Length(bytes.len()),
        };
        self.store()
            .discard(&self.method.pair, self.key.field, expected);
    }

    /// Removes the entry, and returns whether there was one. What is being computed for it will not
    /// be stored.
    pub(crate) async fn drop_entry(&self, deadline: Duration) -> Result<bool, Error> {
        Ok(self.drop_of(OfBuilds::All, deadline).await? > 0)
    }

    /// Removes the entries of the other builds of the program: they cannot read the one that takes their place.
    pub(crate) async fn drop_others(&self, deadline: Duration) -> Result<(), Error> {
        self.drop_of(OfBuilds::Others, deadline).await.map(drop)
    }

    async fn drop_of(&self, of: OfBuilds, deadline: Duration) -> Result<u64, Error> {
        let fields = vec![self.key.field];
        let removed = self.store().delete(&self.method.pair, fields, of, deadline);
        removed.await
    }
}
