//! Invalidating tags, in every pair that may hold their entries.
//!
//! Those are found through an index: a hash beside the pairs, with a field for each pair and each name of a tag that its
//! methods declare. A process adds its own before it computes an entry, once for each epoch. So each pair that has
//! entries with tags is in the index, or that has been lost since: see [`index`](super::index).

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;

use super::index::{COMPLETE, SEPARATOR};
use crate::entry::header::Epoch;
use crate::error::Error;
use crate::store::redis::client::{BATCH, Client, timed};
use crate::store::{EndedTags, KeySpace, Pair, TagEnd};

/// Pairs that are asked at a time.
const PAIRS: usize = 64;

impl Client {
    /// Adds a pair to the index, with the names of the tags that its method declares.
    pub(crate) async fn index_tags(&self, pair: &Pair, epoch: Epoch) -> Result<(), Error> {
        let tags = &pair.tags;
        let mut add = redis::cmd("HSET");
        add.arg(&tags.membership.index);
        for name in tags.names {
            let field = [pair.stem.as_bytes(), &[SEPARATOR], name.as_bytes()];
            add.arg(field.concat()).arg("");
        }
        if tags.of_values {
            add.arg(&pair.stem).arg("");
        }
        timed(self.reply(&add)).await?;
        tags.membership.end(epoch, true);
        Ok(())
    }

    /// Has the entries of tags end in all pairs; returns how many stamps were forgotten.
    pub(crate) async fn end_tags(
        self: &Arc<Self>,
        keys: &KeySpace,
        tags: &EndedTags,
        end: TagEnd,
    ) -> Result<u64, Error> {
        let (keys, tags) = (keys.clone(), tags.clone());
        self.run(None, |client| async move {
            let stems = client.pairs_of(&keys, &tags).await?;
            let stems: Vec<_> = stems.into_iter().collect();
            let mut forgotten = 0;
            for stems in stems.chunks(PAIRS) {
                let each = stems
                    .iter()
                    .map(|stem| client.end_tags_of(stem, &tags, end));
                for ended in join_all(each).await {
                    forgotten += ended?;
                }
            }
            Ok(forgotten)
        })
        .await
    }

    async fn end_tags_of(&self, stem: &str, tags: &EndedTags, end: TagEnd) -> Result<u64, Error> {
        let how = if end.is_expiry() { b"x" } else { b"i" };
        let ids: &[_] = match tags {
            EndedTags::All => &[],
            EndedTags::Of(tags) => tags,
        };
        let mut forgotten = 0;
        let mut batches = ids.chunks(BATCH);
        let first = batches.next().unwrap_or_default();
        for ids in std::iter::once(first).chain(batches) {
            let ids = ids.iter().map(|tag| tag.id.to_le_bytes().to_vec());
            let args: Vec<_> = std::iter::once(how.to_vec()).chain(ids).collect();
            match timed(self.end_tags_in(stem, &args)).await {
                Ok(count) => forgotten += count,
                // Data of another application: there are no entries of ours.
                Err(error) if error.is_foreign() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(forgotten)
    }

    /// The pairs that may hold entries with these tags.
    async fn pairs_of(
        self: &Arc<Self>,
        keys: &KeySpace,
        tags: &EndedTags,
    ) -> Result<BTreeSet<String>, Error> {
        let index = keys.names.tag_index();
        let fields = self.index_fields(&index).await?;
        let listed = fields.iter().filter_map(|field| stem_of(field, tags));
        if fields.iter().any(|field| field == COMPLETE) {
            return Ok(listed.collect());
        }
        // Those that are added meanwhile get entries that are computed after the invalidation has begun.
        let scanned = self.complete_index(keys, &index).await?;
        Ok(scanned.into_iter().chain(listed).collect())
    }

    /// The pairs of a cache have been removed, but for those that this process does not know by their names.
    pub(crate) async fn forget_tag_index(self: &Arc<Self>, keys: &KeySpace) -> Result<(), Error> {
        let keys = keys.clone();
        self.run(None, |client| async move {
            let index = keys.names.tag_index();
            let mut forget = redis::cmd("HDEL");
            // The mark as well: a pair that is made meanwhile may be among those.
            forget.arg(&index).arg(COMPLETE);
            for field in client.index_fields(&index).await? {
                if let Some(stem) = stem_of(&field, &EndedTags::All)
                    && keys
                        .names
                        .stem_of(&format!("{stem}:0"), &keys.policies)
                        .is_some()
                {
                    forget.arg(field);
                }
            }
            timed(client.reply(&forget)).await
        })
        .await
        .map(drop)
    }
}

/// The pair that a field of the index names, if it may hold entries with these tags.
fn stem_of(field: &[u8], tags: &EndedTags) -> Option<String> {
    let (stem, name) = match field.iter().position(|byte| *byte == SEPARATOR) {
        Some(at) => (&field[..at], Some(&field[at + 1..])),
        None => (field, None),
    };
    let is_wanted = match (tags, name) {
        _ if stem.is_empty() => false,
        (EndedTags::All, _) | (_, None) => true,
        (EndedTags::Of(tags), Some(name)) => tags.iter().any(|tag| tag.name.as_bytes() == name),
    };
    let stem = String::from_utf8(stem.to_vec()).ok()?;
    is_wanted.then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tags::Tag;

    #[test]
    fn a_field_names_a_pair_and_a_tag() {
        let user = EndedTags::Of(vec![Tag::new("us:{er}", &7).unwrap()]);
        for (field, of_user, of_all) in [
            (&b"p:n:lru\nus:{er}"[..], true, true),
            (b"p:n:lru\nother", false, true),
            (b"p:n:lru\n", false, true),
            (b"p:n:lru", true, true),
            (b"", false, false),
            (b"\xff\nus:{er}", false, false),
        ] {
            assert_eq!(stem_of(field, &user).is_some(), of_user, "{field:?}");
            assert_eq!(
                stem_of(field, &EndedTags::All).is_some(),
                of_all,
                "{field:?}"
            );
        }
    }
}
