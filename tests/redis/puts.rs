//! The script that stores up to 16 entries of a pair: what one put comes to is what it always came to, and what
//! many come to keeps every rule.

mod batches;
mod differential;
mod pair;

use support::random::Random;
use support::{Server, binaries};

use self::pair::{Script, scripts_by_policy};

const POLICIES: [&str; 8] = [
    "fifo", "fifo_t", "lru", "lru_t", "mru", "lfu", "rr", "custom",
];

/// A new seed each time, which a failure names; `REDIS_FUNC_CACHE_SEED` repeats one.
fn seed() -> u64 {
    let given = std::env::var("REDIS_FUNC_CACHE_SEED").ok();
    given.map_or_else(
        || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        |seed| seed.parse().unwrap(),
    )
}

type Check = fn(&Server, &Script, &mut Random, usize) -> Result<(), String>;

fn on_every_server(check: Check, steps: usize) {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for policy in POLICIES {
            let seed = seed();
            let script = &scripts_by_policy(policy);
            if let Err(fault) = check(&server, script, &mut Random(seed), steps) {
                panic!("{binary}, {policy}, REDIS_FUNC_CACHE_SEED={seed}: {fault}");
            }
        }
    }
}

#[test]
fn one_put_leaves_what_it_always_left() {
    on_every_server(differential::check, 200);
}

#[test]
fn many_puts_keep_every_rule() {
    on_every_server(batches::check, 200);
}

/// What the checks must notice: a script, its check, and the line that is broken.
const BROKEN: [(&str, Check, &str, &str); 29] = [
    (
        "lru_t",
        batches::check,
        "local evicted = evict(excess)",
        "local evicted = evict(excess - 1)",
    ),
    (
        "fifo",
        batches::check,
        "local evicted = evict(excess)",
        "local evicted = evict(excess + 1)",
    ),
    (
        "lfu",
        batches::check,
        "evicted + evict(#fields - maxsize)",
        "evicted",
    ),
    (
        "lru",
        batches::check,
        "return take(0, n - 1)",
        "return take(-n, -1)",
    ),
    (
        "mru",
        batches::check,
        "return take(-n, -1)",
        "return take(0, n - 1)",
    ),
    (
        "lru_t",
        batches::check,
        "return take(0, n - 1)",
        "return redis.call('ZRANGE', RANKING, 0, n - 1)",
    ),
    (
        "lru_t",
        batches::check,
        "redis.call('HDEL', VALUES, unpack(fields))",
        "",
    ),
    (
        "fifo",
        batches::check,
        "string.find(lease, token, 9, true) == 9",
        "true",
    ),
    (
        "fifo",
        batches::check,
        "return string.sub(lease, 26, 33) ~= epochs[method]",
        "return false",
    ),
    (
        "lru",
        batches::check,
        "redis.call('PEXPIRE', LEASES, wanted_ms + OUTLIVES_MS)",
        "",
    ),
    (
        "lru",
        batches::check,
        "if redis.call('PTTL', LEASES) >= 0 then redis.call('PERSIST', LEASES) end",
        "",
    ),
    ("lru_t", batches::check, "low * 11 + high * 13", "low * 11"),
    ("lru_t", batches::check, "+ began * 17", ""),
    (
        "lru",
        batches::check,
        "(i == 1 and second or first)",
        "first",
    ),
    (
        "lru",
        batches::check,
        "is_overtaken or is_outdated",
        "is_overtaken and is_outdated",
    ),
    (
        "lru",
        batches::check,
        "local tags = tagged == 1 and",
        "local tags = false and",
    ),
    ("lru_t", differential::check, "and is_current(entry))", ")"),
    (
        "fifo",
        batches::check,
        "local ends = is_held or is_over",
        "local ends = is_held",
    ),
    (
        "fifo",
        batches::check,
        "if #ended > 0 then redis.call('HDEL', LEASES, unpack(ended)) end",
        "",
    ),
    (
        "fifo",
        batches::check,
        "for _, field in ipairs(awaited) do",
        "for _, field in ipairs({}) do",
    ),
    (
        "lru",
        batches::check,
        "if overtaken[skip] == i then",
        "if false then",
    ),
    (
        "lru",
        batches::check,
        "redis.call('PEXPIRE', VALUES, wanted_ms)",
        "",
    ),
    (
        "lru",
        batches::check,
        "math.max(left_ms, entry_ms,",
        "math.max(left_ms,",
    ),
    (
        "lru",
        batches::check,
        "local members = heal(named)",
        "local members = redis.call('ZCARD', RANKING)",
    ),
    (
        "lru_t",
        batches::check,
        "if hard > 0 then hard = now_ms + hard end",
        "",
    ),
    (
        "lru_t",
        batches::check,
        "redis.call('HMGET', LEASES, unpack(named))",
        "{false}",
    ),
    ("lru", differential::check, "admit_all(ranked, now_us)", ""),
    (
        "lru_t",
        differential::check,
        "return above > tonumber(now_us) and above or now_us",
        "return now_us",
    ),
    (
        "fifo",
        differential::check,
        "if members > maxsize and #ranked > 0 then",
        "if false then",
    ),
];

#[test]
fn the_checks_notice_what_is_broken() {
    let server = Server::start();
    for (policy, check, line, broken) in BROKEN {
        let script = scripts_by_policy(policy);
        let script = Script {
            put: script.put.replace(line, broken),
            ..script
        };
        assert_ne!(
            script.put,
            scripts_by_policy(policy).put,
            "{line}: not there"
        );
        let seed = seed();
        let found = check(&server, &script, &mut Random(seed), 2000);
        assert!(
            found.is_err(),
            "{policy}, seed {seed}: unnoticed: {line} -> {broken}"
        );
    }
}
