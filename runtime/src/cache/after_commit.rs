//! Invalidations that wait for the commit of a transaction.

use std::future::Future;
use std::sync::Arc;

use super::Cache;
use super::invalidation::{apply_later, apply_now};
use crate::engine::Engine;
use crate::engine::commit_scope::CommitScope;
use crate::engine::pending::PendingEntries;
use crate::engine::scope::{self, Frame, Scope};
use crate::rt::blocking;

impl Cache {
    /// Runs a transaction, and invalidates what it has written after its commit: the future begins a
    /// transaction, writes, commits, and returns `Ok` if the commit has succeeded.
    ///
    /// Without it, a method with `#[invalidates(..)]` drops its entries before the commit. A reader in between reads the
    /// old row, and stores it again, and nothing removes it any more.
    ///
    /// ```
    /// # use redis_func_cache::{Cache, CacheExt as _, cache_impl};
    /// # struct Db;
    /// # struct Transaction;
    /// # impl Db { async fn begin(&self) -> Result<Transaction, String> { Ok(Transaction) } }
    /// # impl Transaction { async fn commit(self) -> Result<(), String> { Ok(()) } }
    /// # struct Users;
    /// #[cache_impl]
    /// impl Users {
    ///     async fn find(&self, id: u64) -> Result<String, String> { Ok("Ann".to_owned()) }
    ///
    ///     #[nocache]
    ///     #[invalidates(find(id))]
    ///     async fn rename(&self, within: &mut Transaction, id: u64, name: &str) -> Result<(), String> { Ok(()) }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let db = Db;
    /// let cache = Cache::builder("shop").build()?;
    /// let users = Users.cached(&cache);
    /// let renamed = cache.after_commit(async {
    ///     let mut transaction = db.begin().await?;
    ///     users.rename(&mut transaction, 7, "Ann").await?; // invalidates nothing yet
    ///     transaction.commit().await
    /// });
    /// renamed.await?; // now it has
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Of this cache, inside the future:
    ///
    /// * Declared invalidations, and those of handles, are applied when it returns `Ok`, before `after_commit`
    ///   returns. What cannot be sent then is [queued](crate::CacheBuilder::invalidation_queue). When it returns
    ///   `Err`, they are dropped.
    /// * `invalidate()` on a handle on one entry returns `Ok(false)`, and on a handle on all entries `Ok(())`.
    /// * Calls whose entries are to be invalidated run their method, store nothing and join no other call, so that a
    ///   transaction reads its own writes. To handles, these entries are absent; what they put is not stored.
    /// * All other calls are as they always are: what they read of rows that the transaction has written in another way
    ///   is stored for everyone.
    ///
    /// A scope in a scope of the same cache hands what it has to the outer one when it returns `Ok`. Scopes of several
    /// caches nest. Tasks that the future spawns are in no scope. [`purge`](Cache::purge) applies at once.
    ///
    /// # Errors
    /// Those of the future, and no others.
    ///
    /// # Concurrency
    /// If this future is dropped before it ends, or the inner one panics, the transaction may have committed: the
    /// invalidations are applied in the background. Other tasks notice nothing of the scope before it ends.
    pub async fn after_commit<T, E>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let commit = OpenCommit::begin(&self.0);
        // A box, or the future would stand in this one three times.
        let returned = commit.scope.run(Box::pin(future)).await;
        match returned {
            Ok(value) => {
                commit.succeeded().await;
                Ok(value)
            }
            Err(error) => {
                commit.failed();
                Err(error)
            }
        }
    }

    /// [`after_commit`](Self::after_commit) for a closure, on a thread that waits.
    ///
    /// # Errors
    /// Those of the closure, and no others.
    pub fn after_commit_sync<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let commit = OpenCommit::begin(&self.0);
        let guard = commit.scope.enter();
        let returned = run();
        drop(guard);
        match &returned {
            Ok(_) => blocking::wait(commit.succeeded()),
            Err(_) => commit.failed(),
        }
        returned
    }
}

/// A transaction that has not ended. If it is dropped, it may have been committed.
struct OpenCommit<'a> {
    engine: &'a Engine,
    scope: Scope,
    commit: Arc<CommitScope>,
    outer: Option<Arc<CommitScope>>,
}

impl<'a> OpenCommit<'a> {
    fn begin(engine: &'a Engine) -> Self {
        let outer = scope::commit(engine.id());
        let commit = CommitScope::new();
        Self {
            engine,
            scope: Scope::new(engine.id(), Frame::Commit(commit.clone())),
            commit,
            outer,
        }
    }

    async fn succeeded(self) {
        let entries = self.commit.end();
        apply_now(self.engine, self.hand_out(entries)).await;
    }

    fn failed(self) {
        drop(self.commit.end());
    }

    /// Gives the entries to the outer transaction. Returns what there is none for.
    fn hand_out(&self, entries: PendingEntries) -> PendingEntries {
        match &self.outer {
            Some(outer) => outer.defer(entries),
            None => entries,
        }
    }
}

impl Drop for OpenCommit<'_> {
    fn drop(&mut self) {
        let entries = self.commit.end();
        // Whether or not the outer one commits, this one may have.
        drop(self.hand_out(entries.clone()));
        apply_later(self.engine, entries);
    }
}
