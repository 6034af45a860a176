//! Which pairs a cache has, by a scan of the server's keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Error;
use crate::store::KeySpace;
use crate::store::redis::client::{Client, timed};
use crate::store::redis::script;
use crate::store::redis::script::reply::{number, scan_page};

/// Keys that are looked at in one step: a millisecond or two of the server.
const COUNT: usize = 2_000;

impl Client {
    /// Removes every pair of a cache; returns how many entries they held.
    pub(crate) async fn purge(self: &Arc<Self>, keys: &KeySpace) -> Result<u64, Error> {
        let keys = keys.clone();
        self.run(None, |client| async move {
            let mut sum = 0;
            for stem in client.stems(&keys).await? {
                match timed(client.purge_pair(&stem)).await {
                    Ok(count) => sum += count,
                    // Data of another application: it is not ours to remove.
                    Err(error) if error.is_foreign() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(sum)
        })
        .await
    }

    async fn purge_pair(&self, stem: &str) -> Result<u64, Error> {
        match self.removal(&script::PURGE, stem, &[]).await? {
            Some(count) => number(&count),
            None => self.purge_by_key(stem).await,
        }
    }

    /// The stems of all pairs of a cache, by `SCAN` over every primary.
    pub(crate) async fn stems(&self, keys: &KeySpace) -> Result<BTreeSet<String>, Error> {
        let mut stems = BTreeSet::new();
        for pattern in keys.names.patterns(&keys.policies) {
            for node in timed(self.connection.nodes()).await? {
                let mut cursor = b"0".to_vec();
                loop {
                    let mut cmd = redis::cmd("SCAN");
                    cmd.arg(&cursor)
                        .arg("MATCH")
                        .arg(&pattern)
                        .arg("COUNT")
                        .arg(COUNT);
                    let page = timed(self.connection.send_to(&node, cmd)).await?;
                    let (next, found) = scan_page(page)?;
                    // Keys of others may not be text; ours are.
                    let texts = found.iter().filter_map(|key| std::str::from_utf8(key).ok());
                    stems.extend(
                        texts
                            .filter_map(|key| keys.names.stem_of(key, &keys.policies))
                            .map(str::to_owned),
                    );
                    if next == b"0" {
                        break;
                    }
                    cursor = next;
                }
            }
        }
        Ok(stems)
    }
}
