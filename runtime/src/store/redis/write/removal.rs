//! Removing entries, also while the keys of their pair are on two nodes of a cluster.
//!
//! A slot that is being moved refuses scripts on several keys (`TRYAGAIN`) unless one node has all of
//! them, and the key of leases mostly does not exist. A command on one key finds it wherever it is, so
//! then there is a command for each key: the leases first, so that no call stores its value any more.

use redis::{Cmd, Value};

use crate::error::Error;
use crate::key::digest::Field;
use crate::store::method_state::{MethodState, new_epoch};
use crate::store::redis::client::{BATCH, Client};
use crate::store::redis::script::reply::number;
use crate::store::redis::script::{self, Script};
use crate::store::{OfBuilds, Pair};

const RANKING: u8 = 0;
const VALUES: u8 = 1;
const LEASES: u8 = 2;

impl Client {
    /// Removes the entries of calls of one method, whose fields are of one build; returns how many there were.
    pub(crate) async fn delete(
        &self,
        pair: &Pair,
        fields: &[Field],
        of: OfBuilds,
    ) -> Result<u64, Error> {
        let stem = &pair.stem;
        let stays = match of {
            OfBuilds::All => None,
            OfBuilds::Others => fields.first().map(Field::build),
        };
        let mut args = vec![
            pair.method.to_le_bytes().to_vec(),
            stays.map(Vec::from).unwrap_or_default(),
        ];
        args.extend(fields.iter().map(|field| field.0.to_vec()));
        if let Some(removed) = self.removal(&script::DELETE, stem, &args).await? {
            return number(&removed);
        }
        let state = [pair.method_name().to_vec()];
        let state = match self.on(stem, LEASES, "HGET", &state).await? {
            Value::BulkString(state) => state,
            _ => Vec::new(),
        };
        // A build that is added from now on computes what is current.
        let mut args = match of {
            OfBuilds::All => fields.iter().map(|field| field.0.to_vec()).collect(),
            OfBuilds::Others => Vec::new(),
        };
        for build in MethodState::of(&state)
            .into_iter()
            .flat_map(MethodState::builds)
        {
            let others = fields.iter().filter(|field| field.build() != build);
            args.extend(others.map(|field| field.of_build(build).0.to_vec()));
        }
        let mut removed = 0;
        for args in args.chunks(BATCH) {
            self.on(stem, LEASES, "HDEL", args).await?;
            removed += number(&self.on(stem, VALUES, "HDEL", args).await?)?;
            self.on(stem, RANKING, "ZREM", args).await?;
        }
        Ok(removed)
    }

    /// Begins a new epoch of a method, and removes its entries if the pair holds no others.
    pub(crate) async fn delete_method(&self, pair: &Pair, owns_pair: bool) -> Result<(), Error> {
        let owns = u8::from(owns_pair).to_string().into_bytes();
        let args = [
            pair.method.to_le_bytes().to_vec(),
            new_epoch().0.to_vec(),
            owns,
        ];
        let done = self.removal(&script::DELETE_METHOD, &pair.stem, &args);
        if done.await?.is_none() {
            // Without a state the method has no entries. The next computation begins an epoch.
            let state = [pair.method_name().to_vec()];
            self.on(&pair.stem, LEASES, "HDEL", &state).await?;
        }
        Ok(())
    }

    /// Removes a whole pair; returns how many entries it held.
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

    /// Has the entries of tags end in one pair; returns how many stamps were forgotten.
    pub(crate) async fn end_tags_in(&self, stem: &str, args: &[Vec<u8>]) -> Result<u64, Error> {
        match self.removal(&script::END_TAGS, stem, args).await? {
            Some(forgotten) => number(&forgotten),
            None => {
                // Without it there are no epochs, and without those no entries.
                self.on(stem, LEASES, "UNLINK", &[]).await?;
                Ok(0)
            }
        }
    }

    /// How many entries a pair holds.
    pub(crate) async fn len_of(&self, stem: &str) -> Result<u64, Error> {
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
