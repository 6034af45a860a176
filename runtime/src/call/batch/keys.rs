//! The keys of the ids of a batch, and which of them are the same.

use crate::key::digest::{CallKey, Fields, KeyWriter};
use crate::method::bound::BoundRef;

/// The keys of ids: one item for each that is there for the first time.
pub(super) struct ItemKeys {
    pub(super) of_items: Vec<CallKey>,
    pub(super) items: Vec<usize>,
    pub(super) firsts: Vec<usize>,
}

/// `None` if one of them cannot be a key.
pub(super) fn keys<'a, K: ?Sized>(
    method: &BoundRef<'_>,
    ids: &[&'a K],
    write: &mut dyn FnMut(&mut KeyWriter, &'a K),
) -> Option<ItemKeys> {
    let mut known = Fields::default();
    let (mut keys, mut items, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
    for (place, &id) in ids.iter().enumerate() {
        let key = method.key.call(&mut |writer| write(writer, id));
        let Ok(key) = key else {
            tracing::warn!(
                method = &*method.site,
                "redis-func-cache: the arguments cannot be a key"
            );
            return None;
        };
        let item = *known.entry(key.field).or_insert_with(|| {
            keys.push(key);
            firsts.push(place);
            keys.len() - 1
        });
        items.push(item);
    }
    Some(ItemKeys {
        of_items: keys,
        items,
        firsts,
    })
}
