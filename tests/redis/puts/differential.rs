//! One put by the script of today and by the one before puts were joined: the same answer, the same three keys.

use redis::Value;
use support::random::Random;
use support::{Server, unique};

use super::pair::{
    Bytes, HEAD, Method, Options, Pair, Put, Script, State, below, bytes, chance, lease, numbers,
    one_of,
};

/// Two pairs that are to stay the same.
struct Twins {
    before: Pair,
    after: Pair,
}

impl Twins {
    fn both(&mut self, name: &str, key: usize, args: &[&[u8]]) {
        for pair in [&mut self.before, &mut self.after] {
            let _: Value = pair.on(name, key, args);
        }
    }

    /// Where one was damaged they may differ a little; then they are made the same again.
    fn align(&mut self) {
        for key in 0..3 {
            let to = self.after.key(key);
            let _: Value = self.after.on("DEL", key, &[]);
            let dump: Option<Bytes> = self.before.on("DUMP", key, &[]);
            let left: i64 = self.before.on("PTTL", key, &[]);
            if let Some(dump) = dump {
                let mut restore = redis::cmd("RESTORE");
                restore.arg(to).arg(left.max(0)).arg(dump);
                restore.exec(&mut self.after.connection).unwrap();
            }
        }
    }
}

/// What is ranked and valued: other values wait to be found and removed.
fn whole(state: &State) -> Vec<(&Bytes, &Bytes)> {
    let ranked = |field: &Bytes| state.score(field).is_some();
    state
        .values
        .iter()
        .filter(|(field, _)| ranked(field))
        .collect()
}

/// Where the puts of one run come from.
struct Rig<'a> {
    twins: Twins,
    script: &'a Script,
    has_field_ttl: bool,
    fields: Vec<Bytes>,
    methods: [Method; 2],
    sizes: &'static [u64],
    structure_ms: u64,
    maxsize: u64,
    now_us: u64,
}

pub(super) fn check(
    server: &Server,
    script: &Script,
    random: &mut Random,
    steps: usize,
) -> Result<(), String> {
    let name = unique("one-put");
    let pair = |which: &str| Pair {
        connection: server.connection(),
        stem: format!("{name}:{which}"),
    };
    // Nothing is evicted where that would be at random.
    let sizes: &[u64] = if script.policy == "rr" {
        &[100]
    } else {
        &[1, 2, 3, 5, 8]
    };
    let mut rig = Rig {
        twins: Twins {
            before: pair("before"),
            after: pair("after"),
        },
        script,
        has_field_ttl: server.binary().version >= (7, 4, 0),
        fields: (0..14).map(|_| bytes(random, 20)).collect(),
        methods: [Method::draw(random), Method::draw(random)],
        sizes,
        structure_ms: one_of(random, &[0, 60_000]),
        maxsize: one_of(random, sizes),
        now_us: 1_800_000_000_000_000,
    };
    for step in 0..steps {
        rig.disturb(random);
        let put = rig.put(random);
        let options = rig.options(random);
        rig.compare(&put, &options)
            .map_err(|fault| format!("step {step}: {fault}"))?;
        rig.twins.align();
    }
    Ok(())
}

impl Rig<'_> {
    /// Time passes, and something happens to the pair.
    fn disturb(&mut self, random: &mut Random) {
        self.now_us += one_of(random, &[0, 1, 1, 1000, 5_000_000]);
        if chance(random, 5) {
            self.now_us -= one_of(random, &[1, 10_000_000]);
        }
        let other = one_of(random, &self.fields);
        match random.draw() % 100 {
            0..5 => self.maxsize = one_of(random, self.sizes),
            5..8 => self.twins.both("ZREM", 0, &[&other]),
            8..11 => self.twins.both("HDEL", 1, &[&other]),
            11 => self.twins.both("DEL", below(random, 3), &[]),
            12..14 => self.twins.both("HSET", 1, &[&other, b"an orphan"]),
            14..16 => self.twins.both("ZADD", 0, &[b"5", &other]),
            16..20 => {
                let at = below(random, 2);
                self.methods[at].epoch = bytes(random, 8);
                let [name, state] = self.methods[at].state();
                self.twins.both("HSET", 2, &[&name, &state]);
            }
            _ => {}
        }
    }

    fn put(&mut self, random: &mut Random) -> Put {
        let field = one_of(random, &self.fields);
        let method = one_of(random, &self.methods);
        let mut token = Vec::new();
        if chance(random, 60) {
            token = bytes(random, 16);
            let holder = if chance(random, 80) {
                token.clone()
            } else {
                bytes(random, 16)
            };
            let now_us = self.now_us;
            let mut epoch = method.epoch.clone();
            if chance(random, 20) {
                epoch[0] ^= 1;
            }
            let mut lease = lease(
                now_us / 1000 + 2000,
                &holder,
                chance(random, 50),
                &epoch,
                &method.id,
            );
            if chance(random, 5) {
                lease.truncate(25);
            }
            if chance(random, 90) {
                self.twins.both("HSET", 2, &[&field, &lease]);
            }
        }
        Put {
            field,
            token,
            soft_ms: one_of(random, &[0, 1000]),
            hard_ms: one_of(random, &[0, 3000, 100_000]),
            tail: method.tail(random),
            tags: None,
        }
    }

    fn options(&self, random: &mut Random) -> Options {
        let mut touches = Vec::new();
        for _ in 0..one_of(random, &[0, 0, 1, 3]) {
            touches.push(one_of(random, &self.fields));
            touches.push(
                (self.now_us - random.draw() % 1000)
                    .to_string()
                    .into_bytes(),
            );
            touches.push(one_of(random, &[b"1".to_vec(), b"3".to_vec()]));
        }
        Options {
            maxsize: self.maxsize,
            structure_ms: self.structure_ms,
            sliding: chance(random, 50),
            sweeps: chance(random, 15),
            field_ttl: self.has_field_ttl && chance(random, 50),
            now_us: self.now_us,
            script_stamps: chance(random, 50),
            touches,
        }
    }

    fn compare(&mut self, put: &Put, options: &Options) -> Result<(), String> {
        let Twins { before, after } = &mut self.twins;
        let state = before.state();
        let text = options.at_this_time(&self.script.before);
        let expected = before.eval(&text, &one_by_one(options, put)).unwrap();
        let text = options.at_this_time(&self.script.put);
        let found = after.eval(&text, &options.args(std::slice::from_ref(put)));
        let found = match numbers(&found.map_err(|error| error.to_string())?)[..] {
            [evicted, swept] => Value::Array(vec![Value::Int(evicted), Value::Int(swept)]),
            _ => Value::Int(-1),
        };
        let (was, is) = (before.state(), after.state());
        let left = (before.left_ms(), after.left_ms());
        let is_random = self.script.policy == "rr";
        // Of more than eight members a sweep draws some.
        let is_same = if options.sweeps && state.ranking.len() > 8 {
            true
        } else if state.is_whole() {
            // A pair of one entry was made afresh for the next, and ended by that.
            let end = is.ranking.len() <= 1 || same_end(left);
            end && was == is && expected == found
        } else if is_random || state.ranking.len() == state.values.len() {
            // As many lost members as lost values are not noticed, and random orphans are found.
            true
        } else {
            was.ranking == is.ranking
                && whole(&was) == whole(&is)
                && was.leases == is.leases
                && expected == found
        };
        if is_same {
            return Ok(());
        }
        Err(format!(
            "{expected:?} {found:?} {left:?}\n{options:?}\n{put:?}\n{state:?}\n{was:?}\n{is:?}"
        ))
    }
}

/// Both keys of both pairs end together, as far as that can be said of two moments.
fn same_end((before, after): ([i64; 3], [i64; 3])) -> bool {
    let pairs = before.iter().zip(after).take(2);
    pairs
        .into_iter()
        .all(|(&before, after)| (before < 0) == (after < 0) && before.abs_diff(after) < 2000)
}

/// The arguments of the script that stored one entry.
fn one_by_one(options: &Options, put: &Put) -> Vec<Bytes> {
    let forced_us = if options.script_stamps {
        0
    } else {
        options.now_us
    };
    let flag = |flag: bool| u64::from(flag);
    let mut args = vec![put.field.clone()];
    let numbers = [
        forced_us,
        options.structure_ms,
        flag(options.sliding),
        options.maxsize,
        put.soft_ms,
        put.hard_ms,
        flag(options.field_ttl),
        flag(options.sweeps),
    ];
    args.extend(numbers.map(|number| number.to_string().into_bytes()));
    args.extend([HEAD.to_vec(), put.tail.clone(), put.token.clone()]);
    args.extend(options.touches.iter().cloned());
    args
}
