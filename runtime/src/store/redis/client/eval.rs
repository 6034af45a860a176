//! Running scripts.

use std::sync::{Arc, PoisonError};

use redis::{Cmd, Value};

use super::{Client, text};
use crate::error::Error;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::policy::Policy;
use crate::store::redis::connection::classify::Failure;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::script::{self, PolicyScripts, Script};
use crate::store::{EntryOf, Pair};

impl Client {
    /// `EVALSHA`, and `EVAL` where the server does not know the script: one node, one command.
    pub(crate) async fn script(
        &self,
        script: &Script,
        stem: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Error> {
        Ok(self.try_script(script, stem, args).await?)
    }

    /// [`script`](Self::script) by one of the client's connections.
    pub(crate) async fn script_on(
        &self,
        connection: &ConnectionManager,
        script: &Script,
        stem: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Failure> {
        let by_sha = command("EVALSHA", script.sha(), stem, args);
        match connection.send(&by_sha).await {
            Err(failure) if failure.is_no_script() => {
                let by_text = command("EVAL", script.text(), stem, args);
                connection.send(&by_text).await
            }
            other => other,
        }
    }

    pub(crate) async fn try_script(
        &self,
        script: &Script,
        stem: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Failure> {
        self.script_on(&self.connection, script, stem, args).await
    }

    /// `EVAL`: the text is sent too, so the script runs in its place among the commands.
    pub(crate) async fn script_by_text(
        &self,
        script: &Script,
        stem: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Error> {
        let by_text = command("EVAL", script.text(), stem, args);
        Ok(self.connection.send(&by_text).await?)
    }

    pub(crate) fn scripts(&self, policy: &Policy) -> Arc<PolicyScripts> {
        let Policy::Custom(custom) = policy else {
            return script::built_in(policy.tag());
        };
        let mut known = self.custom.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(policy.tag().to_owned())
            .or_insert_with(|| Arc::new(script::custom(custom.lua())))
            .clone()
    }

    /// The arguments of a look-up that changes nothing.
    pub(crate) fn peek_args(&self, pair: &Pair, wanted: &EntryOf) -> Vec<Vec<u8>> {
        let mut args = self.read_args(pair, wanted.field);
        args.extend(tag_arg(&wanted.tags));
        args
    }

    fn read_args(&self, pair: &Pair, field: Field) -> Vec<Vec<u8>> {
        vec![
            field.0.to_vec(),
            text(self.clock.forced_us()),
            pair.method.to_le_bytes().to_vec(),
        ]
    }

    /// The arguments of a look-up that records the hit.
    pub(crate) fn get_args(&self, pair: &Pair, wanted: &EntryOf) -> Vec<Vec<u8>> {
        let mut args = self.read_args(pair, wanted.field);
        args.push(text(pair.structure.ms()));
        args.push(text(u64::from(pair.structure.is_sliding())));
        args.extend(tag_arg(&wanted.tags));
        args
    }
}

/// The tags of a call as an argument, if its method may have any.
pub(crate) fn tag_arg(tags: &TagIds) -> Option<Vec<u8>> {
    let each = tags.as_slice().iter().flat_map(|tag| tag.to_le_bytes());
    tags.are_declared().then(|| each.collect())
}

/// A script on the keys of a pair: ranking, values, leases.
fn command(name: &str, script: &str, stem: &str, args: &[Vec<u8>]) -> Cmd {
    let mut cmd = redis::cmd(name);
    cmd.arg(script).arg(3);
    for key in 0..3 {
        cmd.arg(format!("{stem}:{key}"));
    }
    cmd.arg(args);
    cmd
}
