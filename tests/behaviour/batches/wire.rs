//! What a batch asks of the server, counted there.

use std::collections::BTreeMap;

use redis_func_cache::Cache;
use support::{PATIENT, Server, binaries, unique};

use super::repo::repo;

/// How often each command has been called.
fn calls(server: &Server) -> BTreeMap<String, u64> {
    let info: String = server.query(&["INFO", "commandstats"]);
    let lines = info.lines().filter_map(|line| {
        let (command, counts) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = counts.strip_prefix("calls=")?.split(',').next()?;
        Some((command.to_owned(), calls.parse().unwrap()))
    });
    lines.collect()
}

/// What was called meanwhile.
async fn called(server: &Server, work: impl Future<Output = ()>) -> BTreeMap<String, u64> {
    let before = calls(server);
    work.await;
    let after = calls(server).into_iter();
    let more = after.map(|(command, n)| {
        let already = before.get(&command).copied().unwrap_or(0);
        (command, n - already)
    });
    more.filter(|(_, n)| *n > 0).collect()
}

fn cache(server: &Server) -> Cache {
    let cache = Cache::builder(unique("wire")).redis(server.url());
    cache.deadline(PATIENT).maxsize(20_000).build().unwrap()
}

#[tokio::test]
async fn a_hundred_ids_of_which_ninety_hit_are_one_read_and_one_run() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = cache(&server);
        let (runs, [users]) = repo([&cache]);
        let all: Vec<u64> = (0..100).collect();
        users.find_many(&all[..90]).await.unwrap();
        let before = cache.stats();
        let called = called(&server, async {
            assert_eq!(users.find_many(&all).await.unwrap().len(), 100);
        })
        .await;
        assert_eq!(runs.all()[1], all[90..]);
        let stats = cache.stats();
        assert_eq!(stats.count - before.count, 1);
        assert_eq!(stats.read - before.read, 100);
        assert_eq!(stats.hit - before.hit, 90);
        assert_eq!(stats.miss - before.miss, 10);
        assert_eq!(stats.exec - before.exec, 1);
        assert_eq!(stats.write - before.write, 10);
        assert!(called["hmget"] >= 1, "{called:?}");
        println!("{binary:?}: {called:?}");
    }
}
