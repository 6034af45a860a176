//! Removing entries, also while the keys of their pair are on two nodes of a cluster.
//!
//! A slot that is being moved refuses scripts on several keys (`TRYAGAIN`) unless one node has all of
//! them, and the key of leases mostly does not exist. A command on one key finds it wherever it is, so
//! then there is a command for each key: the leases first, so that no call stores its value any more.

use redis::{Cmd, Value};

use crate::error::Error;
use crate::key::digest::Field;
use crate::store::redis::client::Client;
use crate::store::redis::script::reply::number;
use crate::store::redis::script::{self, Script};

const RANKING: u8 = 0;
const VALUES: u8 = 1;
const LEASES: u8 = 2;

impl Client {
    /// Removes entries; returns how many there were.
    pub(crate) async fn delete(&self, stem: &str, fields: &[Field]) -> Result<u64, Error> {
        let args: Vec<_> = fields.iter().map(|field| field.0.to_vec()).collect();
        if let Some(removed) = self.removal(&script::DELETE, stem, &args).await? {
            return number(&removed);
        }
        self.on(stem, LEASES, "HDEL", &args).await?;
        let removed = self.on(stem, VALUES, "HDEL", &args).await?;
        self.on(stem, RANKING, "ZREM", &args).await?;
        number(&removed)
    }

    /// Removes a whole pair; returns how many entries it held.
    pub(crate) async fn purge(&self, stem: &str) -> Result<u64, Error> {
        match self.removal(&script::PURGE, stem, &[]).await? {
            Some(removed) => number(&removed),
            None => self.purge_by_key(stem).await,
        }
    }

    pub(crate) async fn purge_by_key(&self, stem: &str) -> Result<u64, Error> {
        // Where a key is of a foreign type it ends here, before anything is removed.
        let held = self.on(stem, RANKING, "ZCARD", &[]).await?;
        self.on(stem, VALUES, "HLEN", &[]).await?;
        self.on(stem, LEASES, "HLEN", &[]).await?;
        for key in [LEASES, VALUES, RANKING] {
            self.on(stem, key, "UNLINK", &[]).await?;
        }
        number(&held)
    }

    pub(crate) async fn len_by_key(&self, stem: &str) -> Result<u64, Error> {
        number(&self.on(stem, RANKING, "ZCARD", &[]).await?)
    }

    /// Runs a script on the pair; `None` if it cannot, because its keys are on two nodes.
    pub(crate) async fn removal(
        &self,
        script: &Script,
        stem: &str,
        args: &[Vec<u8>],
    ) -> Result<Option<Value>, Error> {
        match self.try_script(script, stem, args).await {
            Err(failure) if failure.is_try_again() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    async fn on(
        &self,
        stem: &str,
        key: u8,
        command: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Error> {
        let cmd: Cmd = redis::cmd(command)
            .arg(format!("{stem}:{key}"))
            .arg(args)
            .take();
        Ok(self.connection.send(&cmd).await?)
    }
}
