//! Whatever a network does to a connection: no call fails or has another's value, and hits return.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheExt as _};
use support::outage::{Outage, Repo, stands_an_outage};
use support::{Meddle, PATIENT, Proxy, Server, Way, binaries, check_pairs, unique};

const BOTH: [Way; 2] = [Way::Up, Way::Down];
/// 1 ms, with a margin for a machine that is busy.
const KNOWN_AWAY: Duration = Duration::from_millis(50);
/// Until it is known.
const SOON: Duration = Duration::from_secs(10);

/// One body for every fault of the network, on every server program.
async fn is_stood(name: &str, fault: impl Fn(&Proxy)) {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let proxy = Proxy::start(server.port());
        let name = format!("{name} ({binary})");
        stands_an_outage(&name, &proxy.url(), || fault(&proxy), || proxy.heal()).await;
        check_pairs(&server);
    }
}

macro_rules! every_fault {
    ($($test:ident: $fault:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            is_stood(stringify!($test), $fault).await;
        })*
    };
}
every_fault! {
    connections_refused: Proxy::refuse;
    connections_reset: Proxy::reset_all;
    a_black_hole: |proxy| proxy.black_hole(&BOTH);
    requests_lost: |proxy| proxy.black_hole(&[Way::Up]);
    replies_lost: |proxy| proxy.black_hole(&[Way::Down]);
    everything_too_late: |proxy| proxy.delay(Way::Down, Duration::from_millis(150), Duration::ZERO);
    everything_slow: |proxy| proxy.delay(Way::Down, Duration::from_millis(65), Duration::ZERO);
}

/// A server, a proxy and a cache behind it, with entries.
async fn behind_a_proxy() -> (Server, Proxy, Arc<Outage>) {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let outage = Outage::of(&proxy.url()).await;
    (server, proxy, Arc::new(outage))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_replaced() {
    let (server, proxy, outage) = behind_a_proxy().await;
    let before = proxy.connects();
    proxy.abandon();
    // Nothing is healed: only new connections work.
    let returned = outage.until_hits_return().await;
    outage.misses(20).await;
    assert!(outage.cache.stats().write > 8, "puts go on as well");
    assert!(proxy.connects() > before);
    println!("half-open connections replaced: hits after {returned:?}");
    check_pairs(&server);
}

/// An answer that is slow all the time is worse than none. The probe sees that it still is.
#[tokio::test]
async fn a_store_slower_than_half_a_deadline_is_not_asked() {
    let (_server, proxy, outage) = behind_a_proxy().await;
    proxy.delay(Way::Down, Duration::from_millis(65), Duration::ZERO);
    let slow = Instant::now();
    while outage.misses(10).await.percentile(50) >= KNOWN_AWAY {
        assert!(slow.elapsed() < SOON, "it is asked no more");
    }
    let asked = proxy.count("HMGET");
    let until = Instant::now() + Duration::from_millis(2500);
    let mut calls = 0;
    while Instant::now() < until {
        let added = outage.misses(10).await;
        assert!(added.percentile(50) < KNOWN_AWAY, "{added:?}");
        calls += 10;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let probes = proxy.count("HMGET") - asked;
    assert!((1..=4).contains(&probes), "{probes} probes, {calls} calls");
    proxy.heal();
    outage.until_hits_return().await;
}

/// Around the deadline replies come after their callers have gone: no other call gets them.
#[tokio::test]
async fn late_replies_are_never_delivered_to_another_call() {
    let (server, proxy, outage) = behind_a_proxy().await;
    for ms in (94..108).step_by(2) {
        proxy.delay(
            Way::Down,
            Duration::from_millis(ms),
            Duration::from_millis(5),
        );
        for id in 0..4 {
            outage.call(id).await;
        }
    }
    proxy.heal();
    outage.until_hits_return().await;
    check_pairs(&server);
}

/// The first call after a pause finds the connection closed, and is a hit all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_closed_while_idle_costs_no_hit() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let builder = Cache::builder(unique("idle")).redis(proxy.url());
    let outage = Outage::on(builder.deadline(PATIENT)).await;
    for round in 0..10 {
        proxy.reset();
        // For the reset to arrive, before the call or during it.
        tokio::time::sleep(Duration::from_millis(round)).await;
        assert_eq!(outage.hits_of_residents().await, 8, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_killed_ten_times_a_second_cost_few_hits() {
    let (server, proxy, outage) = behind_a_proxy().await;
    let before = (outage.cache.stats(), proxy.connects());
    let started = Instant::now();
    let killed = std::thread::spawn(move || {
        for _ in 0..20 {
            support::trouble::kill_clients(&server);
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    });
    while !killed.is_finished() {
        outage.hits_of_residents().await;
        tokio::task::yield_now().await;
    }
    let stats = outage.cache.stats();
    let (hits, reads) = (stats.hit - before.0.hit, stats.read - before.0.read);
    let connects = proxy.connects() - before.1;
    println!(
        "killed 20 times in {:?}: {hits} hits of {reads} reads, {connects} connects",
        started.elapsed()
    );
    assert!(hits * 10 >= reads * 9, "{hits} of {reads}");
    assert!(
        connects <= 60,
        "{connects} connects after 20 kills of two connections"
    );
    check_pairs(&killed.join().unwrap());
}

/// The server is gone, and a crowd wants it: attempts to connect do not grow with the crowd.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_cause_no_connection_storm() {
    let (_server, proxy, outage) = behind_a_proxy().await;
    proxy.reset_all();
    let before = proxy.connects();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        outage.crowd(50).await;
    }
    let connects = proxy.connects() - before;
    println!("{connects} attempts of two connections in 2 s");
    assert!(connects <= 40, "{connects}");
}

/// A reply that is cut anywhere yields nothing, or all.
#[tokio::test]
async fn calls_survive_replies_cut_at_every_byte() {
    let (server, proxy, outage) = behind_a_proxy().await;
    for bytes in 0..260 {
        proxy.cut(Way::Down, bytes);
        for id in 0..2 {
            outage.call(id).await;
        }
    }
    proxy.heal();
    outage.until_hits_return().await;
    assert_eq!(outage.cache.stats().undecodable, 0);
    check_pairs(&server);
}

/// A request that is cut anywhere is executed whole, or not at all.
#[tokio::test]
async fn calls_survive_requests_cut_at_every_byte() {
    let (server, proxy, outage) = behind_a_proxy().await;
    for bytes in (0..600).step_by(3) {
        proxy.cut(Way::Up, bytes);
        outage.misses(1).await;
    }
    proxy.heal();
    outage.until_hits_return().await;
    assert_eq!(outage.cache.stats().undecodable, 0);
    check_pairs(&server);
}

#[tokio::test]
async fn calls_survive_replies_that_come_byte_by_byte() {
    let (server, proxy, outage) = behind_a_proxy().await;
    proxy.slice(Way::Down);
    proxy.slice(Way::Up);
    outage.misses(5).await;
    outage.until_hits_return().await;
    check_pairs(&server);
}

/// Replies that are not those to what was asked: no value comes of them, and after a moment the
/// connection is right again, by itself.
#[tokio::test]
async fn calls_survive_swapped_doubled_dropped_replaced_and_invented_replies() {
    let replies: [(&str, Meddle); 12] = [
        ("*", Meddle::Swap),
        ("HMGET", Meddle::Swap),
        ("TIME", Meddle::Swap),
        ("HMGET", Meddle::Twice),
        ("TIME", Meddle::Twice),
        ("EVALSHA", Meddle::Twice),
        ("HMGET", Meddle::Drop),
        ("TIME", Meddle::Drop),
        ("HMGET", Meddle::Replace(b"*-1\r\n".to_vec())),
        (
            "TIME",
            Meddle::Replace(b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n".to_vec()),
        ),
        ("HMGET", Meddle::After(b"$5\r\nhello\r\n".to_vec())),
        (
            "HMGET",
            Meddle::After(b">2\r\n+message\r\n+hello\r\n".to_vec()),
        ),
    ];
    for (command, meddle) in replies {
        let (server, proxy, outage) = behind_a_proxy().await;
        let name = format!("{command} {meddle:?}");
        proxy.meddle(command, 1, 3, meddle);
        outage.crowd(20).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        proxy.leave_replies_alone();
        outage.until_hits_return().await;
        println!("{name}: {} undecodable", outage.cache.stats().undecodable);
        check_pairs(&server);
    }
}

/// Two calls are given the answers to each other, whole and well-formed.
#[tokio::test]
async fn replies_to_other_calls_are_recognised() {
    let (server, proxy, outage) = behind_a_proxy().await;
    for _ in 0..20 {
        proxy.meddle("HMGET", 0, 1, Meddle::Swap);
        let second = async {
            // So that it has a flight of its own; the first reply is held until there is a second.
            tokio::time::sleep(Duration::from_millis(5)).await;
            outage.call(1).await
        };
        tokio::join!(outage.call(0), second);
        proxy.leave_replies_alone();
    }
    let undecodable = outage.cache.stats().undecodable;
    assert!(undecodable >= 20, "{undecodable} answers were swapped");
    outage.until_hits_return().await;
    check_pairs(&server);
}

/// Requests to connect are dropped, as firewalls do: they are not even refused.
#[tokio::test]
async fn calls_survive_a_port_that_drops_connection_requests() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The system accepts as many as the queue holds, and then drops.
    let mut queue = Vec::new();
    while let Ok(one) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(one);
        assert!(queue.len() < 10_000, "the queue ends");
    }
    let builder = Cache::builder(unique("dropped")).redis(format!("redis://{address}"));
    let repo = Repo::default().cached(&builder.build().unwrap());
    for id in 0..50 {
        let started = Instant::now();
        repo.find(id).await.unwrap();
        assert!(
            started.elapsed() < Duration::from_millis(500),
            "{:?}",
            started.elapsed()
        );
    }
}
