//! The servers and the checker that the other tests rely on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, process};

use support::{
    Cluster, Sentinel, Server, alive, binaries, check_pairs, check_pairs_except, eventually, slot,
    unique,
};

/// Tells the test below that it is its own child.
const ABORT: &str = "REDIS_FUNC_CACHE_TEST_ABORT";

#[test]
fn a_server_starts_on_every_binary() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (major, minor, patch) = binary.version;
        let info: String = server.query(&["INFO", "server"]);
        assert!(
            info.contains(&format!("_version:{major}.{minor}.{patch}\r\n")),
            "{binary}: {info}"
        );
        println!("{binary} from {}", binary.path.display());
    }
}

#[test]
fn two_servers_share_nothing() {
    let (one, other) = (Server::start(), Server::start());
    let _: () = one.query(&["SET", "key", "value"]);
    assert_ne!(one.port(), other.port());
    assert_eq!(one.keys(), ["key"]);
    assert!(other.keys().is_empty());
}

#[test]
fn a_server_takes_more_arguments() {
    for binary in binaries() {
        let server = Server::start_with(&binary, &["--maxmemory", "12mb"]);
        let limit: Vec<String> = server.query(&["CONFIG", "GET", "maxmemory"]);
        assert_eq!(limit, ["maxmemory", "12582912"]);
    }
}

#[test]
fn a_refused_argument_fails_at_once_with_the_log() {
    let started = Instant::now();
    let binary = support::binary();
    let report = panic_of(|| drop(Server::start_with(&binary, &["--no-such-option", "1"])));
    assert!(report.contains("no-such-option"), "{report}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_dropped_server_is_gone_at_once() {
    for suspended in [false, true] {
        // The quickest of some, since other tests run at the same time.
        let quickest = (0..5).map(|_| time_of_drop(suspended)).min().unwrap();
        assert!(quickest < Duration::from_millis(50), "{quickest:?}");
    }
}

#[test]
fn an_aborted_process_leaves_no_server() {
    if env::var_os(ABORT).is_some() {
        let server = Server::start();
        println!("\nserver {} {}", server.pid(), server.directory().display());
        process::abort();
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "servers::an_aborted_process_leaves_no_server"])
        .arg("--nocapture")
        .env(ABORT, "1")
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    let (pid, directory) = output
        .lines()
        .find_map(|line| line.strip_prefix("server ")?.split_once(' '))
        .unwrap();
    let pid = pid.parse().unwrap();
    assert!(!child.status.success());
    eventually("the server is gone", Duration::from_secs(5), || {
        !alive(pid) && !Path::new(directory).exists()
    });
}

#[test]
fn a_killed_server_restarts_empty_on_its_port() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (port, pid) = (server.port(), server.pid());
        let _: () = server.query(&["SET", "key", "value"]);
        server.kill();
        assert!(!alive(pid));
        assert!(
            redis::Client::open(server.url())
                .unwrap()
                .get_connection()
                .is_err()
        );
        server.restart();
        assert_eq!(server.port(), port);
        assert_ne!(server.pid(), pid);
        assert!(server.keys().is_empty());
    }
}

#[test]
fn a_stopped_server_is_silent_until_it_continues() {
    let server = Server::start();
    let mut connection = server.connection();
    server.stop();
    connection
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let silent = redis::cmd("PING").exec(&mut connection).unwrap_err();
    assert!(silent.is_timeout(), "{silent}");
    server.cont();
    assert_eq!(server.query::<String>(&["PING"]), "PONG");
}

#[test]
fn every_key_is_listed_in_order() {
    let server = Server::start();
    let mut pipe = redis::pipe();
    let mut expected: Vec<_> = (0..2500).map(|i| format!("key:{i}")).collect();
    for key in &expected {
        pipe.cmd("SET").arg(key).arg(1).ignore();
    }
    pipe.exec(&mut server.connection()).unwrap();
    expected.sort();
    assert_eq!(server.keys(), expected);
}

#[test]
fn names_are_unique() {
    assert_ne!(unique("shop"), unique("shop"));
    assert!(unique("shop").starts_with("shop-"));
}

#[test]
fn a_cluster_answers_for_every_slot() {
    for binary in binaries() {
        let cluster = Cluster::start_on(&binary);
        let keys = key_of_every_slot();
        for node in cluster.nodes() {
            let mut pipe = redis::pipe();
            for key in keys.values() {
                if cluster.node_of(key).port() == node.port() {
                    pipe.cmd("SET").arg(key).arg("value").ignore();
                }
            }
            pipe.exec(&mut node.connection()).unwrap();
        }
        assert_eq!(cluster.keys().len(), 16_384);
        assert_eq!(cluster.urls().len(), 3);
    }
}

#[test]
fn the_slot_of_a_key_is_that_of_its_tag() {
    let cluster = Cluster::start();
    for key in [
        "plain", "a{tag}b", "{tag}", "{}empty", "open{", "a{b}{c}", "a{{b}}", "}x{y",
    ] {
        let expected: u16 = cluster.nodes()[0].query(&["CLUSTER", "KEYSLOT", key]);
        assert_eq!(slot(key), expected, "{key}");
    }
}

#[test]
fn sentinels_promote_the_replica_of_a_killed_primary() {
    for binary in binaries() {
        let service = Sentinel::start_on(&binary);
        assert_eq!(service.sentinel_urls().len(), 3);
        let mut connection = service.primary().connection();
        let (replicas,): (u64,) = redis::pipe()
            .cmd("SET")
            .arg("key")
            .arg("value")
            .ignore()
            .cmd("WAIT")
            .arg(1)
            .arg(5000)
            .query(&mut connection)
            .unwrap();
        assert_eq!(replicas, 1);
        service.primary().kill();
        service.wait_until_failed_over();
        let value: String = service.replica().query(&["GETSET", "key", "written"]);
        assert_eq!(value, "value");
    }
}

#[test]
fn sound_pairs_pass() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        check_pairs(&server);
        put_pair(&server, "cache");
        let _: () = server.query(&["SET", "unrelated", "string"]);
        check_pairs(&server);
        let at = in_a_minute();
        expire_at(&server, "cache:0", at);
        expire_at(&server, "cache:1", at);
        check_pairs(&server);
    }
}

#[test]
fn a_sound_pair_of_binary_fields_passes() {
    let server = Server::start();
    let mut connection = server.connection();
    let field = b"\x00\xff\x80{}".as_slice();
    redis::cmd("ZADD")
        .arg("p:0")
        .arg(1)
        .arg(field)
        .exec(&mut connection)
        .unwrap();
    redis::cmd("HSET")
        .arg("p:1")
        .arg(field)
        .arg("v")
        .exec(&mut connection)
        .unwrap();
    check_pairs(&server);
}

#[test]
fn a_ranking_of_another_type_is_found() {
    finds("type: cache:0 is a string, not a zset", |server| {
        let _: () = server.query(&["SET", "cache:0", "foreign"]);
    });
}

#[test]
fn values_of_another_type_are_found() {
    finds("type: cache:1 is a list, not a hash", |server| {
        let _: () = server.query(&["DEL", "cache:1"]);
        let _: () = server.query(&["RPUSH", "cache:1", "foreign"]);
    });
}

#[test]
fn a_ranking_without_values_is_found() {
    finds("half a pair: only cache:0 exists", |server| {
        let _: () = server.query(&["DEL", "cache:1"]);
    });
}

#[test]
fn values_without_a_ranking_are_found() {
    finds("half a pair: only cache:1 exists", |server| {
        let _: () = server.query(&["DEL", "cache:0"]);
    });
}

#[test]
fn a_member_without_value_is_found() {
    finds("member without value: b", |server| {
        let _: () = server.query(&["HDEL", "cache:1", "b"]);
    });
}

#[test]
fn a_value_without_member_is_found() {
    finds("value without member: b", |server| {
        let _: () = server.query(&["ZREM", "cache:0", "b"]);
    });
}

#[test]
fn an_expiry_of_one_half_is_found() {
    finds("expiry: ranking in -1 ms, values in ", |server| {
        expire_at(server, "cache:1", in_a_minute());
    });
}

#[test]
fn halves_that_expire_apart_are_found() {
    finds("expiry: ranking in ", |server| {
        let at = in_a_minute();
        expire_at(server, "cache:0", at);
        // Not 6: a millisecond may pass between the two looks of the checker.
        expire_at(server, "cache:1", at + 10);
    });
}

#[test]
fn a_score_that_is_no_exact_integer_is_found() {
    for score in ["inf", "-inf", "9007199254740992"] {
        finds("score: b has ", |server| {
            let _: () = server.query(&["ZADD", "cache:0", score, "b"]);
        });
    }
}

#[test]
fn much_damage_is_reported_briefly() {
    let server = Server::start();
    put_pair(&server, "cache");
    for member in 0..100 {
        let _: () = server.query(&["ZADD", "cache:0", "1", &format!("ghost{member}")]);
    }
    let report = panic_of(|| check_pairs(&server));
    assert!(
        report.contains("member without value: and more"),
        "{report}"
    );
    assert!(report.lines().count() < 10, "{report}");
}

#[test]
fn only_the_named_stems_are_skipped() {
    let server = Server::start();
    for stem in ["foreign", "damaged"] {
        let _: () = server.query(&["SET", &format!("{stem}:0"), "string"]);
    }
    let report = panic_of(|| check_pairs_except(&server, &["foreign"]));
    assert!(report.contains("damaged: type"), "{report}");
    assert!(!report.contains("foreign: "), "{report}");
    check_pairs_except(&server, &["foreign", "damaged"]);
}

fn time_of_drop(suspended: bool) -> Duration {
    let server = Server::start();
    if suspended {
        server.stop();
    }
    let (pid, directory) = (server.pid(), server.directory().to_owned());
    assert!(alive(pid) && directory.exists());
    let started = Instant::now();
    drop(server);
    let elapsed = started.elapsed();
    assert!(!alive(pid) && !directory.exists());
    elapsed
}

/// A sound pair, then `damage`, which the checker must report with `expected` on every server.
fn finds(expected: &str, damage: impl Fn(&Server)) {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        put_pair(&server, "cache");
        check_pairs(&server);
        damage(&server);
        let report = panic_of(|| check_pairs(&server));
        assert!(report.contains(expected), "{binary}: {report}");
    }
}

fn put_pair(server: &Server, stem: &str) {
    let _: () = server.query(&["ZADD", &format!("{stem}:0"), "1", "a", "2", "b"]);
    let _: () = server.query(&["HSET", &format!("{stem}:1"), "a", "x", "b", "y"]);
}

fn expire_at(server: &Server, key: &str, unix_ms: u128) {
    let _: () = server.query(&["PEXPIREAT", key, &unix_ms.to_string()]);
}

fn in_a_minute() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() + 60_000
}

fn panic_of(action: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(action)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

fn key_of_every_slot() -> BTreeMap<u16, String> {
    let mut keys = BTreeMap::new();
    for number in 0_u32.. {
        let key = format!("key:{number}");
        keys.entry(slot(&key)).or_insert(key);
        if keys.len() == 16_384 {
            break;
        }
    }
    keys
}
