//! The arguments of the put script, and its reply: `lua/op/put.lua`.

use redis::Value;

use super::reply::{array, unexpected};
use crate::entry::header::{self, Times};
use crate::error::Error;
use crate::settings::StructureTtl;
use crate::store::Put;

/// What the puts of one script have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PutHeader {
    pub(crate) maxsize: u64,
    pub(crate) structure: StructureTtl,
    /// Whether to look for expired entries.
    pub(crate) sweeps: bool,
    pub(crate) has_field_ttl: bool,
    /// Whether one of the entries may have tags.
    pub(crate) has_tags: bool,
}

/// A put, and the server's clock where it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PutItem<'a> {
    pub(crate) put: &'a Put,
    pub(crate) now_us: Option<u64>,
}

/// What became of the puts of one script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PutReply {
    /// How many entries the policy evicted.
    pub(crate) evicted: u64,
    /// Whether the next put should sweep as well: this one found something, or there was room.
    pub(crate) sweep_again: bool,
    /// Which puts were not stored, by their places.
    pub(crate) overtaken: Vec<usize>,
}

/// How many arguments there are.
pub(crate) fn put_args_len(header: PutHeader, puts: usize, touches: usize) -> usize {
    let each = 3 + usize::from(header.has_field_ttl) + usize::from(header.has_tags);
    2 + each * puts + touches
}

/// The arguments for puts of different fields, each in parts. If one of them does not know the server's clock, the
/// script stamps them all.
pub(crate) fn each_put_arg(
    header: PutHeader,
    puts: &[PutItem<'_>],
    touches: &[Vec<u8>],
    mut arg: impl FnMut(&[&[u8]]),
) {
    let knows_clock = puts.iter().all(|item| item.now_us.is_some());
    let now_us = puts.iter().filter_map(|item| item.now_us).max();
    let now_us = now_us.filter(|_| knows_clock);
    arg(&[&packed(header, puts)]);
    arg(&[&now_us.map_or_else(Vec::new, text)]);
    for item in puts {
        arg(&[&item.put.field.0]);
        let times = times(item.put, now_us.and(item.now_us));
        let entry = &item.put.entry;
        arg(&[
            &header::stamped_head(entry, times, item.put.origin),
            &entry.tail,
        ]);
    }
    for item in puts {
        match &item.put.token {
            Some(token) => arg(&[&token.0]),
            None => arg(&[]),
        }
    }
    if header.has_field_ttl {
        for item in puts {
            arg(&[&text(item.put.hard_ms)]);
        }
    }
    if header.has_tags {
        for item in puts {
            arg(&[&tags(item.put)]);
        }
    }
    for touch in touches {
        arg(&[touch]);
    }
}

/// The clock of tags from when the computation began, and the tags; nothing of a method without tags.
fn tags(put: &Put) -> Vec<u8> {
    if !put.tags.are_declared() {
        return Vec::new();
    }
    let began = put.origin.began.to_le_bytes();
    let tags = put.tags.as_slice().iter();
    let each = tags.flat_map(|tag| tag.to_le_bytes());
    began.into_iter().chain(each).collect()
}

/// [`each_put_arg`] for the redis crate.
pub(crate) fn put_args(
    header: PutHeader,
    puts: &[PutItem<'_>],
    touches: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let mut args = Vec::with_capacity(put_args_len(header, puts.len(), touches.len()));
    each_put_arg(header, puts, touches, |parts| args.push(parts.concat()));
    args
}

/// The numbers that the script begins with.
fn packed(header: PutHeader, puts: &[PutItem<'_>]) -> Vec<u8> {
    let longest_ms = puts.iter().map(|item| item.put.hard_ms).max();
    let count = u16::try_from(puts.len()).expect("a script stores a few entries");
    let mut packed = Vec::with_capacity(30);
    for number in [
        header.maxsize,
        header.structure.ms(),
        longest_ms.unwrap_or_default(),
    ] {
        packed.extend_from_slice(&number.to_le_bytes());
    }
    packed.extend_from_slice(&count.to_le_bytes());
    packed.extend([
        u8::from(header.structure.is_sliding()),
        u8::from(header.sweeps),
        u8::from(header.has_field_ttl),
        u8::from(header.has_tags),
    ]);
    packed
}

/// The instants of an entry, or lives where its soft and hard expiry belong.
fn times(put: &Put, now_us: Option<u64>) -> Times {
    let now_ms = now_us.unwrap_or_default() / 1000;
    let after = |life_ms| if life_ms > 0 { now_ms + life_ms } else { 0 };
    Times {
        created_ms: now_ms,
        soft_ms: after(put.soft_ms),
        hard_ms: after(put.hard_ms),
    }
}

pub(crate) fn put_reply(reply: Value) -> Result<PutReply, Error> {
    let numbers = match reply {
        Value::Int(evicted) => vec![evicted],
        parts => array(parts)?.iter().map(int).collect::<Result<_, _>>()?,
    };
    let place = |index: &i64| usize::try_from(*index - 1).map_err(|_| unexpected());
    Ok(PutReply {
        evicted: numbers
            .first()
            .and_then(|&evicted| u64::try_from(evicted).ok())
            .ok_or_else(unexpected)?,
        sweep_again: numbers.get(1).is_some_and(|&swept| swept != 0),
        overtaken: numbers
            .iter()
            .skip(2)
            .map(place)
            .collect::<Result<_, _>>()?,
    })
}

fn int(part: &Value) -> Result<i64, Error> {
    match part {
        Value::Int(number) => Ok(*number),
        _ => Err(unexpected()),
    }
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_a_number_or_a_list() {
        let list = |numbers: &[i64]| Value::Array(numbers.iter().map(|&n| Value::Int(n)).collect());
        let reply = |evicted, sweep_again, overtaken: &[usize]| PutReply {
            evicted,
            sweep_again,
            overtaken: overtaken.to_vec(),
        };
        assert_eq!(put_reply(Value::Int(3)).unwrap(), reply(3, false, &[]));
        assert_eq!(put_reply(list(&[0, -1])).unwrap(), reply(0, true, &[]));
        assert_eq!(put_reply(list(&[1, 2])).unwrap(), reply(1, true, &[]));
        assert_eq!(
            put_reply(list(&[0, 0, 1, 16])).unwrap(),
            reply(0, false, &[0, 15])
        );
        for broken in [
            Value::Nil,
            list(&[]),
            list(&[-1]),
            list(&[0, 0, 0]),
            Value::Array(vec![Value::Nil]),
        ] {
            assert!(put_reply(broken).is_err());
        }
    }
}
