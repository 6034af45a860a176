//! Indexes of the pairs of a cache: a hash beside them, to which processes add pairs when they use them.
//!
//! Where an index has its [mark](COMPLETE), it has all pairs that were there before. Without, as at first and when it has been
//! lost, the pairs are found by a scan, which completes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use redis::{Cmd, Value};

use crate::error::Error;
use crate::rt::random;
use crate::store::KeySpace;
use crate::store::redis::client::{Client, timed};
use crate::store::redis::script;
use crate::store::redis::script::reply::unexpected;

/// A field that no pair has. Where it is, the index has all pairs.
pub(super) const COMPLETE: &[u8] = b"";
/// In the index of tags, between the pair and the name of the tag. Without it the pair may hold any tags.
pub(super) const SEPARATOR: u8 = b'\n';

impl Client {
    /// Finds all pairs by a scan, and adds them to the index.
    pub(super) async fn complete_index(
        self: &Arc<Self>,
        keys: &KeySpace,
        index: &str,
    ) -> Result<BTreeSet<String>, Error> {
        // No pair: it has a separator and no name of one.
        let scan = [&[SEPARATOR][..], &random::bits().to_le_bytes()].concat();
        let mut begin = redis::cmd("HSET");
        begin.arg(index).arg(&scan).arg("");
        // Where nothing can be written, as on a server that is full, what the scan finds will do.
        let _ = timed(self.reply(&begin)).await;
        let stems = self.stems(keys).await?;
        let mut complete = redis::cmd("EVAL");
        complete
            .arg(script::COMPLETE_INDEX.text())
            .arg(1)
            .arg(index);
        complete.arg(&scan).arg(stems.iter().collect::<Vec<_>>());
        // If the index was lost meanwhile, the next invalidation scans once more.
        let _ = timed(self.reply(&complete)).await;
        Ok(stems)
    }

    pub(super) async fn index_fields(&self, index: &str) -> Result<Vec<Vec<u8>>, Error> {
        let fields = timed(self.reply(redis::cmd("HKEYS").arg(index))).await?;
        let Value::Array(fields) = fields else {
            return Err(unexpected());
        };
        let each = fields.into_iter().map(|field| match field {
            Value::BulkString(field) => Ok(field),
            _ => Err(unexpected()),
        });
        each.collect()
    }

    pub(super) async fn reply(&self, cmd: &Cmd) -> Result<Value, Error> {
        Ok(self.connection.send(cmd).await?)
    }
}
