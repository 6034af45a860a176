//! Memory while the store is unavailable: in a file of its own, for it is the whole process that is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::outage::Outage;
use support::{Meddle, Proxy, Server, Way, check_pairs};

/// One test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// With nothing to be had from the store at 1,000 calls a second, nothing piles up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_fills_no_memory() {
    let _alone = ALONE.lock().await;
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let outage = Arc::new(Outage::of(&proxy.url()).await);
    proxy.black_hole(&[Way::Up, Way::Down]);
    outage.misses(200).await;
    let (before, started) = (resident_kib(), Instant::now());
    let mut waited = 0;
    for second in 1..=4 {
        let added = outage.misses(1000).await;
        waited += added.waited();
        tokio::time::sleep_until((started + Duration::from_secs(second)).into()).await;
    }
    let grown = resident_kib().saturating_sub(before);
    println!("4,000 calls in 4 s: {grown} KiB more, {waited} waited");
    assert!(grown < 8 << 10, "{grown} KiB");
    assert!(waited <= 5, "{waited}");
}

/// What no server says: the connection is given up, no memory is taken for it, nothing panics.
#[tokio::test]
async fn impossible_replies_fill_no_memory() {
    let deep = b"*1\r\n".repeat(200);
    let hostile: [&[u8]; 8] = [
        b"*2147483647\r\n",
        b"$-7\r\n",
        b"$99999999999\r\n",
        b"+\xff\xfe\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b":notanumber\r\n",
        b"%99999999\r\n",
        &deep,
    ];
    let _alone = ALONE.lock().await;
    let before = resident_kib();
    for bytes in hostile {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let outage = Outage::of(&proxy.url()).await;
        proxy.meddle("HMGET", 0, 1, Meddle::Replace(bytes.to_vec()));
        outage.call(0).await;
        proxy.leave_replies_alone();
        outage.until_hits_return().await;
        check_pairs(&server);
    }
    let grown = resident_kib().saturating_sub(before);
    println!("hostile replies: {grown} KiB more");
    assert!(grown < 32 << 10, "{grown} KiB");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}
