//! Whatever is wrong with a server: no call fails, none waits for long, and hits return.

use std::time::{Duration, Instant};

use redis_func_cache::{Cache, Touch};
use support::outage::{Outage, reads_on, stands_an_outage};
use support::trouble::{self, Trouble};
use support::{Server, binaries, check_pairs, check_pairs_except, unique};

/// One body for every trouble, on every server program.
async fn is_stood(trouble: Trouble, only_writes: bool) {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let url = trouble::url(&server, server.port());
        let name = format!("{} ({binary})", trouble.name);
        let end = std::cell::Cell::new(None);
        let begin = || end.set(Some((trouble.begin)(&server)));
        let finish = || end.take().unwrap()(&server);
        if only_writes {
            let builder = Cache::builder(unique("writes")).redis(url);
            reads_on(&name, builder, begin, finish).await;
        } else {
            stands_an_outage(&name, &url, begin, finish).await;
        }
        check_pairs_except(&server, &["ballast"]);
    }
}

macro_rules! every_trouble {
    ($($test:ident: $trouble:ident $only_writes:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            is_stood(trouble::$trouble, $only_writes).await;
        })*
    };
}
every_trouble! {
    a_server_that_is_killed: KILLED false;
    a_server_that_is_frozen: FROZEN false;
    a_server_that_is_paused: PAUSED false;
    a_server_that_is_loading: LOADING false;
    a_server_that_is_busy: BUSY false;
    a_server_with_another_password: ROTATED_PASSWORD false;
    a_server_with_too_many_clients: TOO_MANY_CLIENTS false;
    a_server_that_lost_its_primary: MASTER_DOWN false;
    a_server_that_is_full_serves_hits: FULL true;
    a_server_that_cannot_save_serves_hits: CANNOT_SAVE true;
    a_server_that_is_a_replica_serves_hits: READ_ONLY true;
    a_server_that_is_paused_for_writes_serves_hits: PAUSED_WRITES true;
    a_server_that_forbids_scripts_serves_hits: NO_SCRIPTS true;
    a_server_that_forbids_a_command_in_scripts_serves_hits: NO_ZADD true;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_replicas_serves_hits() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("writes")).redis(server.url());
        let end = std::cell::Cell::new(None);
        let begin = || end.set(Some((trouble::NO_REPLICAS.begin)(&server)));
        if binary.version >= (7, 0, 0) {
            let finish = || end.take().unwrap()(&server);
            reads_on(trouble::NO_REPLICAS.name, builder, begin, finish).await;
        } else {
            // Scripts are not held to it, but claims are, which are commands: nothing is stored.
            let outage = Outage::on(builder).await;
            let before = outage.cache.stats();
            begin();
            outage.misses(20).await;
            let handle = outage.repo.entry().find(1);
            assert!(handle.invalidate().await.unwrap());
            assert_eq!(outage.cache.stats().write, before.write, "{binary}");
            end.take().unwrap()(&server);
            let until = Instant::now() + Duration::from_secs(20);
            while outage.cache.stats().write == before.write {
                outage.misses(1).await;
                assert!(Instant::now() < until, "{binary}: nothing is stored again");
            }
        }
        check_pairs(&server);
    }
}

/// Even where each hit is a script that writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_full_serves_hits_that_are_recorded_exactly() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let builder = Cache::builder(unique("exact")).redis(server.url());
        let builder = builder.touch(Touch::Exact);
        let end = std::cell::Cell::new(None);
        let begin = || end.set(Some((trouble::FULL.begin)(&server)));
        reads_on("out of memory, exact", builder, begin, || {
            end.take().unwrap()(&server);
        })
        .await;
        check_pairs(&server);
    }
}

/// While puts are refused, what has to go goes.
#[tokio::test]
async fn a_server_that_is_full_removes_what_is_invalidated() {
    let server = Server::start();
    let outage = Outage::of(&server.url()).await;
    let _end = (trouble::FULL.begin)(&server);
    outage.misses(20).await;
    let entry = outage.repo.entry();
    assert!(entry.find(1).invalidate().await.unwrap());
    assert_eq!(entry.find(1).peek().await.unwrap(), None);
}
