//! A memory store that fails, or stops answering, when a test says so.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::memory::Memory;
use super::{
    Availability, EndedTags, EntryOf, ExpectedEntry, KeySpace, LeaseOutcome, LeaseRequest,
    Listener, LookupReply, OfBuilds, Pair, Put, PutDone, Store, StoreHealth, TagEnd, Token,
};
use crate::deadline::HANDLE_DEADLINE;
use crate::error::Error;
use crate::key::digest::Field;
use crate::rt::timeout;

/// What a test has said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TestFaults {
    pub(crate) reads_fail: bool,
    pub(crate) writes_fail: bool,
    pub(crate) is_frozen: bool,
}

/// The memory store, with what a test has said.
pub(crate) struct TestStore {
    memory: Memory,
    faults: Arc<watch::Sender<TestFaults>>,
    /// What is to be stored when the store is no longer frozen.
    waiting: Mutex<Vec<WaitingPuts>>,
}

/// Of one pair.
type WaitingPuts = (Arc<Pair>, Vec<(Put, PutDone)>);

impl TestStore {
    pub(crate) fn new(memory: Memory, faults: Arc<watch::Sender<TestFaults>>) -> Self {
        Self {
            memory,
            faults,
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn in_child(&self) -> Self {
        Self::new(self.memory.in_child(), self.faults.clone())
    }

    /// Stores what has waited for the end of the freeze.
    pub(crate) fn thawed(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (pair, puts) in std::mem::take(&mut *waiting) {
            self.memory.put_all(&pair, puts);
        }
    }

    fn faults(&self) -> TestFaults {
        *self.faults.borrow()
    }

    async fn read(&self, deadline: Duration) -> Result<&Memory, Error> {
        self.admit(deadline, |faults| faults.reads_fail).await
    }

    async fn write(&self, deadline: Duration) -> Result<&Memory, Error> {
        self.admit(deadline, |faults| faults.writes_fail).await
    }

    /// While it is frozen, waits like a client of a server that does not answer.
    async fn admit(
        &self,
        deadline: Duration,
        fails: fn(TestFaults) -> bool,
    ) -> Result<&Memory, Error> {
        if self.faults().is_frozen {
            let mut faults = self.faults.subscribe();
            let thaw = faults.wait_for(|faults| !faults.is_frozen);
            if timeout::within(deadline, thaw).await.is_none() {
                return Err(Error::unavailable(
                    "the store of this test is frozen and has not answered in time",
                ));
            }
        }
        if fails(self.faults()) {
            return Err(failure());
        }
        Ok(&self.memory)
    }
}

fn failure() -> Error {
    Error::unavailable("the store of this test fails, as it was set to")
}

#[async_trait]
impl Store for TestStore {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let memory = self.read(deadline).await?;
        memory.get(pair, wanted, deadline).await
    }

    fn is_immediate(&self) -> bool {
        !self.faults().is_frozen
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        wanted: EntryOf,
        deadline: Duration,
    ) -> Result<LookupReply, Error> {
        let memory = self.read(deadline).await?;
        memory.peek(pair, wanted, deadline).await
    }

    fn put(&self, pair: &Arc<Pair>, put: Put, done: PutDone) {
        self.put_all(pair, vec![(put, done)]);
    }

    fn put_all(&self, pair: &Arc<Pair>, puts: Vec<(Put, PutDone)>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = self.faults();
        if faults.is_frozen {
            return waiting.push((pair.clone(), puts));
        }
        drop(waiting);
        if faults.writes_fail {
            let each = puts.into_iter();
            return each.for_each(|(_, done)| done.finish(Err(failure())));
        }
        self.memory.put_all(pair, puts);
    }

    async fn acquire_lease(
        &self,
        pair: &Arc<Pair>,
        request: LeaseRequest,
        deadline: Duration,
    ) -> Result<LeaseOutcome, Error> {
        let memory = self.write(deadline).await?;
        memory.acquire_lease(pair, request, deadline).await
    }

    async fn is_current(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        token: Token,
        deadline: Duration,
    ) -> Result<bool, Error> {
        let memory = self.write(deadline).await?;
        memory.is_current(pair, field, token, deadline).await
    }

    // Leases end whatever a test says: in memory they do not expire.
    fn release_lease(&self, pair: &Arc<Pair>, field: Field, token: Token, backoff: Duration) {
        self.memory.release_lease(pair, field, token, backoff);
    }

    fn forget_lease(&self, token: Token) {
        self.memory.forget_lease(token);
    }

    fn listen(&self, pair: &Arc<Pair>, field: Field) -> Listener {
        self.memory.listen(pair, field)
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        of: OfBuilds,
        deadline: Duration,
    ) -> Result<u64, Error> {
        let memory = self.write(deadline).await?;
        memory.delete(pair, fields, of, deadline).await
    }

    fn discard(&self, pair: &Arc<Pair>, field: Field, seen: ExpectedEntry<'_>) {
        let faults = self.faults();
        if !faults.is_frozen && !faults.writes_fail {
            self.memory.discard(pair, field, seen);
        }
    }

    async fn delete_method(&self, pair: &Arc<Pair>, owns_pair: bool) -> Result<(), Error> {
        let memory = self.write(HANDLE_DEADLINE).await?;
        memory.delete_method(pair, owns_pair).await
    }

    async fn end_tags(&self, keys: &KeySpace, tags: &EndedTags, end: TagEnd) -> Result<u64, Error> {
        let memory = self.write(HANDLE_DEADLINE).await?;
        memory.end_tags(keys, tags, end).await
    }

    async fn len(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.read(HANDLE_DEADLINE).await?.len(keys).await
    }

    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.write(HANDLE_DEADLINE).await?.purge(keys).await
    }

    async fn ping(&self, at_most: Duration) -> Result<Duration, Error> {
        self.read(at_most).await?.ping(at_most).await
    }

    fn is_unavailable(&self, _pair: &Pair) -> bool {
        let faults = self.faults();
        faults.is_frozen || faults.reads_fail
    }

    fn health(&self) -> StoreHealth {
        let (memory, faults) = (self.memory.health(), self.faults());
        let is_closed = memory.reads == Availability::Unavailable;
        StoreHealth {
            reads: Availability::unless(is_closed || faults.is_frozen || faults.reads_fail),
            writes: Availability::unless(is_closed || faults.is_frozen || faults.writes_fail),
        }
    }

    async fn close(&self) {
        self.memory.close().await;
    }
}

// Entries are not for logs.
impl fmt::Debug for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestStore").finish_non_exhaustive()
    }
}
