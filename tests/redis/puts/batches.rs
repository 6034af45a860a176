//! Random batches of 1 to 40 puts, each checked against the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redis::{PubSub, Value};
use support::random::Random;
use support::{Server, unique};

use super::pair::{
    Bytes, Method, Options, Pair, Put, Script, State, below, bytes, chance, lease, numbers, one_of,
};

const FIELDS: usize = 60;
/// Where the clock of tags is among the leases.
const CLOCK: &[u8] = b"c\0\0\0\0\0\0\0\0";

/// One of a few.
fn tag(random: &mut Random) -> Bytes {
    vec![one_of(random, &[1, 2, 3, 4, 5]); 8]
}

/// What a batch should come to, but for who is evicted.
struct Expected {
    /// By their places, from 1.
    overtaken: Vec<i64>,
    leases: BTreeMap<Bytes, Bytes>,
    awaited: Vec<Bytes>,
    stored: BTreeMap<Bytes, Bytes>,
}

struct Rig<'a> {
    pair: Pair,
    messages: PubSub<'a>,
    script: &'a Script,
    has_field_ttl: bool,
    fields: Vec<Bytes>,
    methods: [Method; 2],
    now_us: u64,
    maxsize: u64,
    structure_ms: u64,
    /// The longest life that any entry was given.
    longest_ms: u64,
}

pub(super) fn check(
    server: &Server,
    script: &Script,
    random: &mut Random,
    steps: usize,
) -> Result<(), String> {
    let stem = unique("batches");
    let mut listening = server.connection();
    let mut messages = listening.as_pubsub();
    messages.subscribe(format!("{stem}:2")).unwrap();
    messages
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let mut rig = Rig {
        pair: Pair {
            connection: server.connection(),
            stem,
        },
        messages,
        script,
        has_field_ttl: server.binary().version >= (7, 4, 0),
        fields: (0..FIELDS).map(|_| bytes(random, 20)).collect(),
        methods: [Method::draw(random), Method::draw(random)],
        now_us: 1_800_000_000_000_000,
        maxsize: one_of(random, &[1, 3, 10, 25]),
        structure_ms: one_of(random, &[0, 60_000]),
        longest_ms: 0,
    };
    (0..2).for_each(|at| rig.set_state(at));
    for step in 0..steps {
        rig.step(random)
            .map_err(|fault| format!("step {step}: {fault}"))?;
    }
    Ok(())
}

impl Rig<'_> {
    fn step(&mut self, random: &mut Random) -> Result<(), String> {
        self.now_us += one_of(random, &[0, 1, 1000, 200_000]);
        if chance(random, 5) {
            self.maxsize = one_of(random, &[1, 3, 10, 25]);
        }
        if chance(random, 3) {
            return self.foreign(random);
        }
        if chance(random, 10) {
            self.damage(random);
        }
        let options = self.options(random);
        let puts = self.puts(random, options.field_ttl);
        let before = self.pair.state();
        let is_damaged = !before.is_whole();
        let expected = self.expect(&before, &puts, &options);
        let text = options.at_this_time(&self.script.put);
        let reply = self.pair.eval(&text, &options.args(&puts));
        let reply = reply.map_err(|error| error.to_string())?;
        let after = self.pair.state();
        let checked = self
            .fences(&expected, &reply, &after)
            .and_then(|()| self.values(&before, &expected, &after))
            .and_then(|()| {
                if is_damaged {
                    bound(&options, &expected, &after)
                } else {
                    self.bound_and_order(&options, &expected, &reply, &before, &after)
                }
            })
            .and_then(|()| self.ends(&options, &puts, &expected, &after));
        checked.map_err(|fault| {
            format!("{fault}\n{reply:?}\n{options:?}\n{puts:?}\n{before:?}\n{after:?}")
        })?;
        if is_damaged {
            self.clear(random);
        }
        Ok(())
    }

    fn clear(&mut self, random: &mut Random) {
        self.pair.clear();
        (0..2).for_each(|at| self.set_state(at));
        self.structure_ms = one_of(random, &[0, 60_000]);
        self.longest_ms = 0;
    }

    /// Loses half of something.
    fn damage(&mut self, random: &mut Random) {
        let field = one_of(random, &self.fields);
        match random.draw() % 5 {
            0 => self.pair.on::<i64>("ZREM", 0, &[&field]),
            1 => self.pair.on::<i64>("HDEL", 1, &[&field]),
            2 => self.pair.on::<i64>("HSET", 1, &[&field, b"an orphan"]),
            3 => self.pair.on::<i64>("DEL", 0, &[]),
            _ => self.pair.on::<i64>("DEL", 1, &[]),
        };
    }

    fn puts(&mut self, random: &mut Random, field_ttl: bool) -> Vec<Put> {
        let most = if self.script.policy == "mru" { 1 } else { 40 };
        let count = one_of(random, &[1, 2, 4, 16, most]).min(most);
        // By the clock of the scripts, which is set: fields end by the server's own.
        let lives: &[u64] = if field_ttl {
            &[0, 100_000, 90_000, 100_000]
        } else {
            &[0, 500, 3000, 100_000]
        };
        let mut fields = self.fields.clone();
        let mut puts = Vec::new();
        for _ in 0..count {
            let field = fields.swap_remove(below(random, fields.len()));
            let at = below(random, 2);
            let token = self.claim(random, &field, at);
            puts.push(Put {
                field,
                token,
                soft_ms: one_of(random, &[0, 1000]),
                hard_ms: one_of(random, lives),
                tail: self.methods[at].tail(random),
                tags: chance(random, 30).then(|| self.tags(random)),
            });
        }
        puts
    }

    /// Some tags, of which others may have been invalidated.
    fn tags(&mut self, random: &mut Random) -> Vec<Bytes> {
        if chance(random, 20) {
            let now = random.draw() % 100;
            let name = [&b"t"[..], &tag(random)].concat();
            let stamp = [now.to_le_bytes(), (random.draw() % 100).to_le_bytes()].concat();
            let clock = [&[0; 8][..], &(random.draw() % 20).to_le_bytes(), &[0; 12]].concat();
            let _: i64 = self.pair.on("HSET", 2, &[&name, &stamp, CLOCK, &clock]);
        }
        (0..random.draw() % 4).map(|_| tag(random)).collect()
    }

    /// A lease of this field, or none, or another's; and the token that its put has.
    fn claim(&mut self, random: &mut Random, field: &Bytes, at: usize) -> Bytes {
        let token = bytes(random, 16);
        let holder = if chance(random, 80) {
            token.clone()
        } else {
            bytes(random, 16)
        };
        let mut epoch = self.methods[at].epoch.clone();
        if chance(random, 10) {
            epoch[0] ^= 1;
        }
        let deadline_ms = self.now_us / 1000 + 2000;
        let method = &self.methods[at].id;
        let mut lease = lease(deadline_ms, &holder, chance(random, 30), &epoch, method);
        if chance(random, 3) {
            lease.truncate(25);
        }
        if chance(random, 3) {
            self.methods[at].epoch = bytes(random, 8);
            self.set_state(at);
        }
        if chance(random, 85) {
            let _: i64 = self.pair.on("HSET", 2, &[field, &lease]);
        }
        if self.structure_ms == 0 && chance(random, 10) {
            // As a computation does that finds no values.
            let _: i64 = self.pair.on("PEXPIRE", 2, &[b"600000"]);
        }
        if chance(random, 30) {
            Vec::new()
        } else {
            token
        }
    }

    fn set_state(&mut self, at: usize) {
        let [name, state] = self.methods[at].state();
        let _: i64 = self.pair.on("HSET", 2, &[&name, &state]);
    }

    fn options(&self, random: &mut Random) -> Options {
        let mut touches = Vec::new();
        for _ in 0..one_of(random, &[0, 0, 1, 5]) {
            touches.push(one_of(random, &self.fields));
            touches.push(
                (self.now_us - random.draw() % 1000)
                    .to_string()
                    .into_bytes(),
            );
            touches.push(b"2".to_vec());
        }
        Options {
            maxsize: self.maxsize,
            structure_ms: self.structure_ms,
            sliding: chance(random, 50),
            sweeps: chance(random, 20),
            field_ttl: self.has_field_ttl && chance(random, 50),
            now_us: self.now_us,
            script_stamps: chance(random, 50),
            touches,
        }
    }

    fn expect(&self, before: &State, puts: &[Put], options: &Options) -> Expected {
        let mut expected = Expected {
            overtaken: Vec::new(),
            leases: before.leases.clone(),
            awaited: Vec::new(),
            stored: BTreeMap::new(),
        };
        for (place, put) in (1..).zip(puts) {
            let lease = before.leases.get(&put.field);
            let counts = lease.is_some_and(|lease| counts(lease, &before.leases));
            let holds = counts && lease.is_some_and(|lease| lease[8..24] == put.token[..]);
            let is_in_time = put.tags.iter().all(|tags| {
                let number = |name: &[u8], half: usize| {
                    let stored = before.leases.get(name);
                    stored.map_or(0, |stored| {
                        u64::from_le_bytes(*stored[8 * half..].first_chunk().unwrap())
                    })
                };
                let names = tags.iter().map(|tag| [b"t", &tag[..]].concat());
                let last = names.map(|name| number(&name, 0)).max().unwrap_or(0);
                put.began() >= last.max(number(CLOCK, 1))
            });
            let is_passed = put.token.is_empty() || holds;
            let is_stored = is_passed && is_in_time;
            if is_stored {
                let entry = put.stamped(options.now_us);
                expected.stored.insert(put.field.clone(), entry);
            } else {
                expected.overtaken.push(place);
            }
            // One that no longer counts ends as well.
            if let Some(lease) = lease.filter(|_| is_passed || !counts) {
                expected.leases.remove(&put.field);
                if lease[24] == 1 {
                    expected.awaited.push(put.field.clone());
                }
            }
        }
        expected
    }

    fn fences(&mut self, expected: &Expected, reply: &Value, after: &State) -> Result<(), String> {
        let overtaken = &numbers(reply)[2..];
        ensure(overtaken == expected.overtaken, "who is overtaken")?;
        ensure(after.leases == expected.leases, "which leases are left")?;
        for field in &expected.awaited {
            let message = self.messages.get_message();
            let message = message.map_err(|_| "the end of a lease is published".to_owned())?;
            ensure(
                message.get_payload_bytes() == field,
                "which end is published",
            )?;
        }
        Ok(())
    }

    fn values(&self, before: &State, expected: &Expected, after: &State) -> Result<(), String> {
        for (field, entry) in &after.values {
            let newest = expected.stored.get(field).or(before.values.get(field));
            ensure(Some(entry) == newest, "the newest value is stored")?;
        }
        for field in expected.stored.keys() {
            let is_ranked = after.score(field).is_some();
            ensure(
                is_ranked == after.values.contains_key(field),
                "what was stored is whole, or gone",
            )?;
        }
        Ok(())
    }

    /// In a sound pair nothing is evicted that need not be, and what is evicted is what the policy says.
    fn bound_and_order(
        &self,
        options: &Options,
        expected: &Expected,
        reply: &Value,
        before: &State,
        after: &State,
    ) -> Result<(), String> {
        ensure(after.is_whole(), "ranking and values agree")?;
        let [evicted, swept] = numbers(reply)[..2] else {
            unreachable!()
        };
        if expected.stored.is_empty() {
            return ensure(after.values == before.values, "nothing is stored");
        }
        let fields = |state: &State| state.values.keys().cloned().collect::<BTreeSet<_>>();
        let stored: BTreeSet<Bytes> = expected.stored.keys().cloned().collect();
        let all = &fields(before) | &stored;
        let left = i64::try_from(all.len()).unwrap() - swept.max(0);
        let bound = left.min(i64::try_from(options.maxsize).unwrap());
        let members = i64::try_from(after.ranking.len()).unwrap();
        // What expires in the same batch may be swept and make more room than is needed.
        ensure(
            members == bound,
            &format!("{members} members, should be {bound}"),
        )?;
        ensure(evicted == left - members, "how many are evicted")?;
        let is_full = all.len() as u64 > options.maxsize;
        let is_due = options.sweeps && is_full && all.len() > before.values.len();
        if !is_due && before.ranking.len() as u64 <= options.maxsize {
            let none = if options.sweeps { -1 } else { 0 };
            ensure(swept == none, "there is no sweep without need")?;
        }
        if swept <= 0 {
            self.order(options, &stored, before, after)?;
        }
        Ok(())
    }

    /// What stays is ranked above what was evicted (or below it), as far as this batch has changed neither.
    fn order(
        &self,
        options: &Options,
        stored: &BTreeSet<Bytes>,
        before: &State,
        after: &State,
    ) -> Result<(), String> {
        let touched = |field: &Bytes| options.touches.contains(field);
        let others = before.ranking.iter();
        let others = others.filter(|(field, _)| !stored.contains(field) && !touched(field));
        let (kept, evicted): (Vec<_>, Vec<_>) =
            others.partition(|(field, _)| after.score(field).is_some());
        for (field, score) in &kept {
            ensure(
                after.score(field) == Some(*score),
                "others keep their scores",
            )?;
        }
        let kept_scores = kept.iter().map(|(_, score)| *score);
        let place = |(field, score): &&(Bytes, i64)| (*score, field.clone());
        let (kept, evicted) = (kept.iter().map(place), evicted.iter().map(place));
        let is_in_order = match &self.script.policy[..] {
            "rr" => true,
            "mru" => evicted
                .min()
                .is_none_or(|first| kept.max().is_none_or(|last| last < first)),
            _ => evicted
                .max()
                .is_none_or(|last| kept.min().is_none_or(|first| last < first)),
        };
        ensure(is_in_order, "the policy says who is evicted")?;
        let is_new_on_top = !matches!(&self.script.policy[..], "lfu" | "rr");
        let top = kept_scores.max().unwrap_or_default();
        let new = stored.iter().filter(|field| before.score(field).is_none());
        let mut scores = new.filter_map(|field| after.score(field));
        ensure(
            !is_new_on_top || scores.all(|score| score > top),
            "what is new is ranked last",
        )
    }

    /// Both keys end together, and not before their entries.
    fn ends(
        &mut self,
        options: &Options,
        puts: &[Put],
        expected: &Expected,
        after: &State,
    ) -> Result<(), String> {
        if after.values.is_empty() || expected.stored.is_empty() {
            return Ok(());
        }
        let longest_ms = puts.iter().map(|put| put.hard_ms).max().unwrap();
        self.longest_ms = self.longest_ms.max(longest_ms);
        let [ranking, values, leases] = self.pair.left_ms();
        if options.structure_ms == 0 {
            ensure(leases < 0, "the key of leases has no end")?;
            return ensure([ranking, values] == [-1, -1], "the pair has no end");
        }
        // -2: the last lease has ended, and the states were lost before.
        ensure(
            leases == -2 || leases > values + 500_000,
            "the key of leases outlives the values",
        )?;
        let longest = i64::try_from(longest_ms).unwrap();
        let most = i64::try_from(self.longest_ms.max(options.structure_ms)).unwrap();
        // A busy machine may stop the server between the two.
        ensure(ranking.abs_diff(values) <= 500, "both keys end together")?;
        ensure(
            values > longest - 2000 && values <= most,
            "when the pair ends",
        )?;
        if options.field_ttl {
            self.field_ends(puts, expected, after)?;
        }
        Ok(())
    }

    fn field_ends(
        &mut self,
        puts: &[Put],
        expected: &Expected,
        after: &State,
    ) -> Result<(), String> {
        for put in puts {
            let is_there =
                expected.stored.contains_key(&put.field) && after.values.contains_key(&put.field);
            if !is_there {
                continue;
            }
            let left: Vec<i64> = self.pair.on("HPTTL", 1, &[b"FIELDS", b"1", &put.field]);
            let life = i64::try_from(put.hard_ms).unwrap();
            // The shortest may have ended meanwhile.
            let is_right = match life {
                0 => left == [-1],
                life => left[0] <= life && (left[0] > life - 2000 || left[0] == -2),
            };
            ensure(is_right, "when a field ends")?;
        }
        Ok(())
    }

    /// A key of a foreign type is reported, and nothing is written.
    fn foreign(&mut self, random: &mut Random) -> Result<(), String> {
        let key = below(random, 3);
        self.pair.on::<Value>("DEL", key, &[]);
        self.pair.on::<Value>("SET", key, &[b"foreign"]);
        let puts = self.puts_without_leases(random);
        let options = self.options(random);
        let dump =
            |rig: &mut Self| [0, 1, 2].map(|key| rig.pair.on::<Option<Bytes>>("DUMP", key, &[]));
        let before = dump(self);
        let text = options.at_this_time(&self.script.put);
        let reply = self.pair.eval(&text, &options.args(&puts));
        let is_refused = reply.is_err_and(|error| error.to_string().contains("WRONGTYPE"));
        ensure(is_refused, "a foreign type is reported")?;
        ensure(
            dump(self) == before,
            "nothing is written beside a foreign type",
        )?;
        self.clear(random);
        Ok(())
    }

    fn puts_without_leases(&self, random: &mut Random) -> Vec<Put> {
        let fields = self.fields.iter().take(1 + below(random, 10));
        let put = |field: &Bytes| Put {
            field: field.clone(),
            token: Vec::new(),
            soft_ms: 0,
            hard_ms: 1000,
            tail: vec![0; 40],
            tags: None,
        };
        fields.map(put).collect()
    }
}

/// Whether a lease is whole, and its method still has the epoch.
fn counts(lease: &[u8], leases: &BTreeMap<Bytes, Bytes>) -> bool {
    if lease.len() != 41 {
        return false;
    }
    let state = leases.get(&[b"m", &lease[33..]].concat());
    state.is_some_and(|state| state[..8] == lease[25..33])
}

fn bound(options: &Options, expected: &Expected, after: &State) -> Result<(), String> {
    let is_bounded = after.ranking.len() as u64 <= options.maxsize;
    ensure(
        is_bounded || expected.stored.is_empty(),
        "a damaged pair keeps its bound",
    )
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}
