//! The proxy that the tests of faults rely on does what it says.

use std::time::{Duration, Instant};

use redis::{Client, Connection, RedisResult};
use support::{Meddle, Proxy, Server, Way, binaries, eventually};

const LIMIT: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(200);

fn connect(proxy: &Proxy) -> RedisResult<Connection> {
    let connection = Client::open(proxy.url())?.get_connection_with_timeout(SHORT)?;
    connection.set_read_timeout(Some(SHORT))?;
    Ok(connection)
}

fn get(connection: &mut Connection, key: &str) -> RedisResult<Option<String>> {
    redis::cmd("GET").arg(key).query(connection)
}

fn set_up() -> (Server, Proxy, Connection) {
    let server = Server::start();
    let _: () = server.query(&["MSET", "a", "1", "b", "2"]);
    let proxy = Proxy::start(server.port());
    let connection = connect(&proxy).unwrap();
    (server, proxy, connection)
}

#[test]
fn commands_pass_and_are_counted() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let proxy = Proxy::start(server.port());
        let mut connection = connect(&proxy).unwrap();
        let big = "x".repeat(1 << 20);
        redis::cmd("SET")
            .arg("big")
            .arg(&big)
            .exec(&mut connection)
            .unwrap();
        assert_eq!(get(&mut connection, "big").unwrap(), Some(big));
        assert_eq!(
            (proxy.count("SET"), proxy.count("GET"), proxy.connects()),
            (1, 1, 1)
        );
        let last = proxy.transcript().pop().unwrap();
        assert_eq!(
            (last.command.as_str(), last.arguments),
            ("GET", vec![b"big".to_vec()])
        );
        drop(connection);
        eventually("the connection is closed", LIMIT, || proxy.open() == 0);
    }
}

#[test]
fn connections_are_refused_and_reset() {
    let (_server, proxy, mut connection) = set_up();
    proxy.reset();
    let error = get(&mut connection, "a").unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
    proxy.refuse();
    eventually("refused", LIMIT, || {
        connect(&proxy).is_err_and(|error| error.is_connection_refusal())
    });
    proxy.heal();
    eventually("healed", LIMIT, || connect(&proxy).is_ok());
    proxy.reset_all();
    eventually("reset", LIMIT, || connect(&proxy).is_err());
}

#[test]
fn a_server_that_closes_is_passed_on() {
    let (server, _proxy, mut connection) = set_up();
    server.kill();
    assert!(
        get(&mut connection, "a")
            .unwrap_err()
            .is_connection_dropped()
    );
}

#[test]
fn a_black_hole_keeps_bytes_and_an_abandoned_connection_drops_them() {
    for ways in [&[Way::Up][..], &[Way::Down], &[Way::Up, Way::Down]] {
        let (server, proxy, mut connection) = set_up();
        proxy.black_hole(ways);
        assert!(get(&mut connection, "a").unwrap_err().is_timeout());
        proxy.heal();
        // The late reply comes first and is skipped by the client, which counts it.
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(get(&mut connection, "b").unwrap().as_deref(), Some("2"));
        proxy.abandon();
        connection.set_read_timeout(Some(SHORT)).unwrap();
        assert!(get(&mut connection, "a").unwrap_err().is_timeout());
        assert_eq!(
            get(&mut connect(&proxy).unwrap(), "a").unwrap().as_deref(),
            Some("1")
        );
        drop(server);
    }
}

#[test]
fn what_passes_is_delayed_sliced_and_cut() {
    let (_server, proxy, mut connection) = set_up();
    proxy.delay(
        Way::Down,
        Duration::from_millis(60),
        Duration::from_millis(20),
    );
    let started = Instant::now();
    get(&mut connection, "a").unwrap();
    assert!(started.elapsed() >= Duration::from_millis(60));
    proxy.heal();
    proxy.slice(Way::Down);
    proxy.slice(Way::Up);
    assert_eq!(get(&mut connection, "a").unwrap().as_deref(), Some("1"));
    proxy.heal();
    for way in [Way::Up, Way::Down] {
        for bytes in 0..7 {
            let mut connection = connect(&proxy).unwrap();
            proxy.cut(way, bytes);
            let error = get(&mut connection, "a").unwrap_err();
            assert!(!error.is_timeout(), "{way:?} {bytes} {error}");
            let mut connection = connect(&proxy).unwrap();
            assert_eq!(
                get(&mut connection, "a").unwrap().as_deref(),
                Some("1"),
                "once"
            );
        }
    }
}

#[test]
fn replies_are_altered_by_command() {
    let (_server, proxy, mut connection) = set_up();
    let both = |connection: &mut Connection| -> RedisResult<(Option<String>, Option<String>)> {
        redis::pipe()
            .cmd("GET")
            .arg("a")
            .cmd("GET")
            .arg("b")
            .query(connection)
    };
    let pair = |one: &str, other: &str| (Some(one.to_owned()), Some(other.to_owned()));
    proxy.meddle("GET", 0, 1, Meddle::Swap);
    assert_eq!(both(&mut connection).unwrap(), pair("2", "1"));
    proxy.meddle("GET", 1, 1, Meddle::Replace(b"$4\r\nfake\r\n".to_vec()));
    assert_eq!(both(&mut connection).unwrap(), pair("1", "fake"));
    proxy.meddle("*", 0, 1, Meddle::After(b"$4\r\nmore\r\n".to_vec()));
    assert_eq!(both(&mut connection).unwrap(), pair("more", "1"));
    let mut connection = connect(&proxy).unwrap();
    proxy.meddle("GET", 0, 1, Meddle::Twice);
    assert_eq!(both(&mut connection).unwrap(), pair("1", "1"));
    let mut connection = connect(&proxy).unwrap();
    proxy.meddle("GET", 0, 1, Meddle::Drop);
    assert!(get(&mut connection, "a").unwrap_err().is_timeout());
    let mut connection = connect(&proxy).unwrap();
    proxy.inject(b"$2\r\nhi\r\n");
    eventually("the injected bytes are an answer", LIMIT, || {
        get(&mut connection, "a").unwrap().as_deref() == Some("hi")
    });
}

#[test]
fn new_connections_can_go_elsewhere() {
    let (_server, proxy, mut connection) = set_up();
    let other = Server::start();
    proxy.redirect(other.port());
    assert_eq!(get(&mut connection, "a").unwrap().as_deref(), Some("1"));
    assert_eq!(get(&mut connect(&proxy).unwrap(), "a").unwrap(), None);
    other.kill();
    let error = connect(&proxy)
        .and_then(|mut it| get(&mut it, "a"))
        .unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
}
