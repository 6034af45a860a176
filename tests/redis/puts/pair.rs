//! A pair on a server, its scripts, and all that it holds.

use std::collections::BTreeMap;

use redis::{Connection, FromRedisValue, Value};
use redis_func_cache::private::scripts;
use support::random::Random;

pub(super) type Bytes = Vec<u8>;

/// The put of a policy, as it is and as it was before puts were joined.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) policy: String,
    pub(super) put: String,
    pub(super) before: String,
}

pub(super) fn scripts_by_policy(policy: &str) -> Script {
    let name = format!("put-{policy}");
    let put = scripts().into_iter().find(|(known, _)| *known == name);
    let policies = include_str!("one_by_one_policies.lua");
    let (_, body) = policies.split_once(&format!("-- {policy}\n")).unwrap();
    let body = body.split("\n-- ").next().unwrap();
    Script {
        policy: policy.to_owned(),
        put: put.unwrap().1,
        before: include_str!("one_by_one.lua").replace("-- POLICY", body),
    }
}

/// What the three keys of a pair hold, and when they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// From the lowest score up.
    pub(super) ranking: Vec<(Bytes, i64)>,
    pub(super) values: BTreeMap<Bytes, Bytes>,
    pub(super) leases: BTreeMap<Bytes, Bytes>,
}

impl State {
    pub(super) fn score(&self, field: &[u8]) -> Option<i64> {
        let found = self.ranking.iter().find(|(known, _)| known == field);
        found.map(|(_, score)| *score)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.ranking.len() == self.values.len()
            && self
                .ranking
                .iter()
                .all(|(field, _)| self.values.contains_key(field))
    }
}

pub(super) struct Pair {
    pub(super) connection: Connection,
    pub(super) stem: String,
}

impl Pair {
    pub(super) fn key(&self, key: usize) -> String {
        format!("{}:{key}", self.stem)
    }

    /// A command on one key of the pair.
    pub(super) fn on<T: FromRedisValue>(&mut self, name: &str, key: usize, args: &[&[u8]]) -> T {
        let mut command = redis::cmd(name);
        command.arg(self.key(key)).arg(args);
        command.query(&mut self.connection).unwrap()
    }

    pub(super) fn eval(&mut self, text: &str, args: &[Bytes]) -> redis::RedisResult<Value> {
        let mut command = redis::cmd("EVAL");
        command.arg(text).arg(3);
        for key in 0..3 {
            command.arg(self.key(key));
        }
        command.arg(args).query(&mut self.connection)
    }

    pub(super) fn state(&mut self) -> State {
        let scored: Vec<(Bytes, f64)> = self.on("ZRANGE", 0, &[b"0", b"-1", b"WITHSCORES"]);
        #[allow(clippy::cast_possible_truncation)] // scores are exact
        let ranking = scored
            .into_iter()
            .map(|(field, score)| (field, score as i64));
        State {
            ranking: ranking.collect(),
            values: self.on("HGETALL", 1, &[]),
            leases: self.on("HGETALL", 2, &[]),
        }
    }

    /// What is left of the three keys at one moment, in milliseconds.
    pub(super) fn left_ms(&mut self) -> [i64; 3] {
        let all = "local left = {}
                   for i = 1, 3 do left[i] = redis.call('PTTL', KEYS[i]) end
                   return left";
        let left = numbers(&self.eval(all, &[]).unwrap());
        [left[0], left[1], left[2]]
    }

    pub(super) fn clear(&mut self) {
        for key in 0..3 {
            let _: i64 = self.on("DEL", key, &[]);
        }
    }
}

/// A put as the script is given it.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) field: Bytes,
    pub(super) token: Bytes,
    pub(super) soft_ms: u64,
    pub(super) hard_ms: u64,
    /// What follows the instants of the entry; it begins with the epoch, and the clock of tags.
    pub(super) tail: Bytes,
    /// `None` where its method has no tags.
    pub(super) tags: Option<Vec<Bytes>>,
}

pub(super) const HEAD: &[u8] = &[3, 1, 0, 0];

impl Put {
    /// The whole entry, as `entry::header` writes it.
    pub(super) fn stamped(&self, now_us: u64) -> Bytes {
        let now = now_us / 1000;
        let after = |life| if life > 0 { now + life } else { 0 };
        self.bytes(now, after(self.soft_ms), after(self.hard_ms))
    }

    pub(super) fn unstamped(&self) -> Bytes {
        self.bytes(0, self.soft_ms, self.hard_ms)
    }

    /// The clock of tags when its computation began.
    pub(super) fn began(&self) -> u64 {
        u64::from_le_bytes(*self.tail[8..].first_chunk().unwrap())
    }

    /// As the script is given them.
    fn tags(&self) -> Bytes {
        let tags = self.tags.iter();
        let tags = tags.flat_map(|tags| [self.tail[8..16].to_vec(), tags.concat()]);
        tags.flatten().collect()
    }

    fn bytes(&self, created: u64, soft: u64, hard: u64) -> Bytes {
        let half = |at: usize| u32::from_le_bytes(*self.tail[at..].first_chunk().unwrap());
        let origin = u64::from(half(0)) * 11 + u64::from(half(4)) * 13 + self.began() * 17;
        let check = (created * 3 + soft * 5 + hard * 7 + origin) % 4_294_967_291;
        let mut bytes = HEAD.to_vec();
        bytes.extend_from_slice(&u32::try_from(check).unwrap().to_le_bytes());
        for instant in [created, soft, hard] {
            bytes.extend_from_slice(&instant.to_le_bytes());
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

/// The options of one script.
#[allow(clippy::struct_excessive_bools)] // they are independent
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) maxsize: u64,
    pub(super) structure_ms: u64,
    pub(super) sliding: bool,
    pub(super) sweeps: bool,
    pub(super) field_ttl: bool,
    pub(super) now_us: u64,
    /// Whether the script stamps the entries.
    pub(super) script_stamps: bool,
    pub(super) touches: Vec<Bytes>,
}

impl Options {
    /// The script, with its clock set.
    pub(super) fn at_this_time(&self, script: &str) -> String {
        let (seconds, micros) = (self.now_us / 1_000_000, self.now_us % 1_000_000);
        script.replace(
            "redis.call('TIME')",
            &format!("{{'{seconds}', '{micros}'}}"),
        )
    }

    pub(super) fn args(&self, puts: &[Put]) -> Vec<Bytes> {
        let longest_ms = puts.iter().map(|put| put.hard_ms).max().unwrap();
        let mut header = Vec::new();
        for number in [self.maxsize, self.structure_ms, longest_ms] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&u16::try_from(puts.len()).unwrap().to_le_bytes());
        let tagged = puts.iter().any(|put| put.tags.is_some());
        header.extend([self.sliding, self.sweeps, self.field_ttl, tagged].map(u8::from));
        let now = if self.script_stamps {
            String::new()
        } else {
            self.now_us.to_string()
        };
        let mut args = vec![header, now.into_bytes()];
        for put in puts {
            args.push(put.field.clone());
            args.push(if self.script_stamps {
                put.unstamped()
            } else {
                put.stamped(self.now_us)
            });
        }
        args.extend(puts.iter().map(|put| put.token.clone()));
        if self.field_ttl {
            args.extend(puts.iter().map(|put| put.hard_ms.to_string().into_bytes()));
        }
        if tagged {
            args.extend(puts.iter().map(Put::tags));
        }
        args.extend(self.touches.iter().cloned());
        args
    }
}

/// 41 bytes, as lua/shared/lease.lua writes them.
pub(super) fn lease(
    deadline_ms: u64,
    token: &[u8],
    is_awaited: bool,
    epoch: &[u8],
    method: &[u8],
) -> Bytes {
    let mut lease = deadline_ms.to_le_bytes().to_vec();
    lease.extend_from_slice(token);
    lease.push(u8::from(is_awaited));
    lease.extend_from_slice(epoch);
    lease.extend_from_slice(method);
    lease
}

/// A method of a pair, and its epoch.
#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) id: Bytes,
    pub(super) epoch: Bytes,
}

impl Method {
    pub(super) fn draw(random: &mut Random) -> Self {
        let (id, epoch) = (bytes(random, 8), bytes(random, 8));
        Self { id, epoch }
    }

    /// Where its state is, and the state: the epoch and a build.
    pub(super) fn state(&self) -> [Bytes; 2] {
        let state = [&self.epoch[..], b"code"].concat();
        [[b"m", &self.id[..]].concat(), state]
    }

    /// What an entry has after its instants.
    pub(super) fn tail(&self, random: &mut Random) -> Bytes {
        let epoch = if chance(random, 90) {
            self.epoch.clone()
        } else {
            bytes(random, 8)
        };
        let began = (random.draw() % 100).to_le_bytes().to_vec();
        let identity = bytes(random, 8);
        [epoch, began, identity, self.id.clone(), bytes(random, 24)].concat()
    }
}

pub(super) fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.draw() % bound as u64).unwrap()
}

pub(super) fn chance(random: &mut Random, percent: u64) -> bool {
    random.draw() % 100 < percent
}

pub(super) fn one_of<T: Clone>(random: &mut Random, of: &[T]) -> T {
    of[below(random, of.len())].clone()
}

pub(super) fn bytes(random: &mut Random, length: usize) -> Bytes {
    (0..length)
        .map(|_| random.draw().to_le_bytes()[0])
        .collect()
}

/// An integer of a reply, or `None`.
pub(super) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// The reply as a list: evicted, swept, overtaken.
pub(super) fn numbers(reply: &Value) -> Vec<i64> {
    match reply {
        Value::Int(evicted) => vec![*evicted, 0],
        Value::Array(parts) => parts.iter().map(|part| int(part).unwrap()).collect(),
        other => panic!("{other:?}"),
    }
}
