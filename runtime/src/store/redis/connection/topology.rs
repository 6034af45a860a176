//! Which node of a cluster serves a key.

use redis::Value;

use super::ServerNode;

const SLOTS: u16 = 16_384;

/// Slots in a row, and the node that serves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The reply to `CLUSTER SLOTS`, in the order of slots.
pub(crate) fn ranges(slots: &Value) -> Vec<SlotRange> {
    let Value::Array(ranges) = slots else {
        return Vec::new();
    };
    let mut ranges: Vec<_> = ranges.iter().filter_map(range).collect();
    ranges.sort_unstable_by_key(|range| range.first);
    ranges
}

fn range(range: &Value) -> Option<SlotRange> {
    let Value::Array(range) = range else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = &range[..]
    else {
        return None;
    };
    let [Value::BulkString(host), Value::Int(port), ..] = &primary[..] else {
        return None;
    };
    Some(SlotRange {
        first: u16::try_from(*first).ok()?,
        last: u16::try_from(*last).ok()?,
        host: String::from_utf8_lossy(host).into_owned(),
        port: u16::try_from(*port).ok()?,
    })
}

#[cfg(feature = "cluster")]
pub(crate) fn primaries(slots: &Value) -> Vec<ServerNode> {
    let ranges = ranges(slots).into_iter();
    let nodes: std::collections::BTreeSet<_> =
        ranges.map(|range| (range.host, range.port)).collect();
    let nodes = nodes.into_iter();
    nodes
        .map(|(host, port)| ServerNode::At { host, port })
        .collect()
}

#[cfg(not(feature = "cluster"))]
pub(crate) fn primaries(_slots: &Value) -> Vec<ServerNode> {
    vec![ServerNode::Only]
}

/// The slot of a key: the CRC-16 (XMODEM) of its hash tag, or of all of it if it has none.
pub(crate) fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty());
    let crc = tag.unwrap_or(key).bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_keys_are_those_of_the_specification() {
        assert_eq!(slot("123456789"), 0x31C3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), slot("foo{}{bar}"));
        assert_ne!(slot("foo{}{bar}"), slot("bar"));
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
    }

    #[test]
    fn invalid_replies_to_cluster_slots_name_no_node() {
        let node = Value::Array(vec![Value::BulkString(b"::1".to_vec()), Value::Int(7)]);
        let range = |first| Value::Array(vec![Value::Int(first), Value::Int(9), node.clone()]);
        let reply = Value::Array(vec![range(8), range(1), range(-1), Value::Nil]);
        let found = ranges(&reply);
        assert_eq!((found.len(), found[0].first, found[1].first), (2, 1, 8));
        assert_eq!((found[0].host.as_str(), found[0].port), ("::1", 7));
        assert_eq!(ranges(&Value::Okay), []);
    }
}
