//! Counting the entries of a cache, whose pairs are found by an [index](super::index) of them.
//!
//! Pairs of several methods have names that follow from the names of cache and policy. A pair of a method's own is known to
//! who has the method; all others find it in the index. A process adds a pair when it has been given the first lease in an
//! epoch, in the background: no call waits for that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::index::COMPLETE;
use crate::entry::header::Epoch;
use crate::error::{Error, ErrorKind};
use crate::rt::background;
use crate::settings::ms;
use crate::store::redis::client::{Client, timed};
use crate::store::{KeySpace, Pair};

/// An index that no process adds to any more is lost. What is left then is found by a scan.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pairs that are asked at a time.
const PAIRS: usize = 256;

impl Client {
    /// Adds a pair that is a method's own to the index, unless this process has done so in this epoch.
    pub(crate) fn index_pair(self: &Arc<Self>, pair: &Arc<Pair>, epoch: Epoch) {
        let membership = pair.membership.as_ref();
        if !membership.is_some_and(|membership| membership.begin(epoch)) {
            return;
        }
        let (client, its) = (self.clone(), pair.clone());
        // Without the background thread there was no lease.
        let _ = background::spawn(async move {
            if let Some(membership) = &its.membership {
                let added = client.add_to_index(&membership.index, &its.stem).await;
                membership.end(epoch, added.is_ok());
            }
        });
    }

    async fn add_to_index(&self, index: &str, stem: &str) -> Result<(), Error> {
        let mut add = redis::pipe();
        add.cmd("HSET").arg(index).arg(stem).arg("");
        add.cmd("PEXPIRE").arg(index).arg(ms(LIFE));
        timed(async { Ok(self.connection.send_all(&add).await?) })
            .await
            .map(drop)
    }

    /// How many entries there are in all pairs of a cache.
    pub(crate) async fn len(self: &Arc<Self>, keys: &KeySpace) -> Result<u64, Error> {
        let keys = keys.clone();
        self.run(None, |client| async move {
            let (stems, guessed) = client.all_pairs(&keys).await?;
            let stems: Vec<_> = stems.into_iter().collect();
            let mut sum = 0;
            for stems in stems.chunks(PAIRS) {
                let each = stems.iter().map(|stem| timed(client.len_of(stem)));
                for (stem, len) in stems.iter().zip(join_all(each).await) {
                    let is_refused = |error: &Error| error.kind() == ErrorKind::Server;
                    match len {
                        Ok(len) => sum += len,
                        // Data of another application: it is not ours to count.
                        Err(error) if error.is_foreign() => {}
                        // This user may not read keys of that name, nor may it have written any.
                        Err(error) if is_refused(&error) && guessed.contains(stem) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(sum)
        })
        .await
    }

    /// The pairs that a cache has or may have, and those of them of which nothing but the name is known.
    async fn all_pairs(
        self: &Arc<Self>,
        keys: &KeySpace,
    ) -> Result<(BTreeSet<String>, BTreeSet<String>), Error> {
        let index = keys.names.pair_index();
        let listed = match self.index_fields(&index).await {
            Ok(fields) => fields,
            // This user may not read it, or it is another application's.
            Err(error) if matches!(error.kind(), ErrorKind::Server | ErrorKind::Foreign) => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let mut stems = BTreeSet::new();
        if !listed.iter().any(|stem| stem == COMPLETE) {
            // Those that are made meanwhile are added by who makes them.
            stems.extend(self.complete_index(keys, &index).await?);
            let expire = redis::cmd("PEXPIRE").arg(&index).arg(ms(LIFE)).take();
            let _ = timed(self.reply(&expire)).await;
        }
        let listed = listed
            .into_iter()
            .filter_map(|stem| String::from_utf8(stem).ok());
        stems.extend(listed.filter(|stem| keys.has_stem(stem)));
        let guessed: BTreeSet<_> = keys.known_stems().difference(&stems).cloned().collect();
        stems.extend(guessed.iter().cloned());
        Ok((stems, guessed))
    }

    /// The pairs of a cache have been removed. Those that are not known here are found by the next scan.
    pub(crate) async fn forget_pair_index(self: &Arc<Self>, keys: &KeySpace) {
        let index = keys.names.pair_index();
        let _ = self
            .run(None, |client| async move {
                // It may be another application's, which is an error.
                timed(client.reply(redis::cmd("HLEN").arg(&index))).await?;
                timed(client.reply(redis::cmd("UNLINK").arg(&index))).await
            })
            .await;
    }
}
