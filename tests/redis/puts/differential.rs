//! One put by the script of today and by the one before puts were joined: the same answer, the same three keys.

use redis::Value;
use support::random::Random;
use support::{Server, unique};

use super::pair::{
    Bytes, HEAD, Options, Pair, Put, Script, State, below, bytes, chance, lease, numbers, one_of,
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
    let mut twins = Twins {
        before: pair("before"),
        after: pair("after"),
    };
    let has_field_ttl = server.binary().version >= (7, 4, 0);
    // Of random victims the number is compared, and nothing is evicted at random otherwise.
    let is_random = script.policy == "rr";
    let sizes: &[u64] = if is_random { &[100] } else { &[1, 2, 3, 5, 8] };
    let fields: Vec<Bytes> = (0..14).map(|_| bytes(random, 20)).collect();
    let tags = [bytes(random, 8), bytes(random, 8)];
    let structure_ms = one_of(random, &[0, 60_000]);
    let (mut now_us, mut clock_us) = (1_800_000_000_000_000_u64, 0);
    let mut maxsize = one_of(random, sizes);
    for step in 0..steps {
        now_us += one_of(random, &[0, 1, 1, 1000, 5_000_000]);
        if chance(random, 5) {
            now_us -= one_of(random, &[1, 10_000_000]);
        }
        let field = one_of(random, &fields);
        let other = one_of(random, &fields);
        match random.draw() % 100 {
            0..5 => maxsize = one_of(random, sizes),
            5..8 => twins.both("ZREM", 0, &[&other]),
            8..11 => twins.both("HDEL", 1, &[&other]),
            11 => twins.both("DEL", below(random, 3), &[]),
            12..14 => twins.both("HSET", 1, &[&other, b"an orphan"]),
            14..16 => twins.both("ZADD", 0, &[b"5", &other]),
            16..20 => {
                clock_us = now_us.max(clock_us + 1);
                let stamp = clock_us.to_string();
                let epoch = [b"m", &one_of(random, &tags)[..]].concat();
                twins.both(
                    "HSET",
                    2,
                    &[b"clock", stamp.as_bytes(), &epoch, stamp.as_bytes()],
                );
            }
            _ => {}
        }
        let mut token = Vec::new();
        if chance(random, 60) {
            token = bytes(random, 16);
            let holder = if chance(random, 80) {
                token.clone()
            } else {
                bytes(random, 16)
            };
            let began = one_of(random, &[0, now_us - 10, now_us, now_us + 5]);
            let tag = one_of(random, &tags);
            let mut lease = lease(
                now_us / 1000 + 2000,
                &holder,
                chance(random, 50),
                began,
                &tag,
            );
            if chance(random, 5) {
                lease.truncate(25);
            }
            if chance(random, 90) {
                twins.both("HSET", 2, &[&field, &lease]);
            }
        }
        let put = Put {
            field,
            token,
            soft_ms: one_of(random, &[0, 1000]),
            hard_ms: one_of(random, &[0, 3000, 100_000]),
            tail: bytes(random, 40),
        };
        let mut touches = Vec::new();
        for _ in 0..one_of(random, &[0, 0, 1, 3]) {
            touches.push(one_of(random, &fields));
            touches.push((now_us - random.draw() % 1000).to_string().into_bytes());
            touches.push(one_of(random, &[b"1".to_vec(), b"3".to_vec()]));
        }
        let options = Options {
            maxsize,
            structure_ms,
            sliding: chance(random, 50),
            sweeps: chance(random, 15),
            field_ttl: has_field_ttl && chance(random, 50),
            now_us,
            script_stamps: chance(random, 50),
            touches,
        };
        let state = twins.before.state();
        let before_text = options.at_this_time(&script.before);
        let expected = twins
            .before
            .eval(&before_text, &one_by_one(&options, &put))
            .unwrap();
        let found = twins.after.eval(
            &options.at_this_time(&script.put),
            &options.args(std::slice::from_ref(&put)),
        );
        let found = found.map_err(|error| format!("step {step}: {error}"))?;
        let found = match numbers(&found)[..] {
            [evicted, swept] => Value::Array(vec![Value::Int(evicted), Value::Int(swept)]),
            _ => Value::Int(-1),
        };
        let (was, is) = (twins.before.state(), twins.after.state());
        // A sample of more than there are to look at is drawn, and what half of a pair there is, too.
        let is_drawn = options.sweeps && state.ranking.len() > 8;
        if !is_drawn && state.is_whole() {
            let same = if is_random {
                was.ranking.len() == is.ranking.len()
            } else {
                was == is && expected == found
            };
            let left = (twins.before.left_ms(), twins.after.left_ms());
            if !same || !same_end(left) && is.ranking.len() > 1 {
                return Err(format!(
                    "step {step}: {expected:?} {found:?} {left:?}\n{options:?}\n{put:?}\n{state:?}\n{was:?}\n{is:?}"
                ));
            }
        } else if !is_drawn && !is_random && state.ranking.len() != state.values.len() {
            let same =
                was.ranking == is.ranking && whole(&was) == whole(&is) && was.leases == is.leases;
            if !same || expected != found {
                return Err(format!(
                    "damaged, step {step}: {expected:?} {found:?}\n{options:?}\n{put:?}\n{state:?}\n{was:?}\n{is:?}"
                ));
            }
        }
        twins.align();
    }
    Ok(())
}

/// Both keys of both pairs end together, as far as that can be said of two moments.
fn same_end((before, after): ([i64; 2], [i64; 2])) -> bool {
    let pairs = before.iter().zip(after);
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
