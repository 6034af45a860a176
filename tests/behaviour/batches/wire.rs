//! What a batch asks of the server, counted on the way there.

use std::collections::BTreeMap;

use redis_func_cache::{Cache, Touch, private};
use sha1::{Digest as _, Sha1};
use support::{PATIENT, Passed, Proxy, Server, binaries, unique};

use super::repo::{many, repo};

/// What the commands of a batch are, by their names; scripts by the names of their files.
fn requests(passed: &[Passed]) -> BTreeMap<String, usize> {
    let scripts = private::scripts().into_iter();
    let scripts: BTreeMap<String, String> = scripts
        .map(|(name, text)| {
            let digest = Sha1::digest(text.as_bytes());
            let digest = digest.iter().map(|byte| format!("{byte:02x}"));
            (digest.collect(), name)
        })
        .collect();
    let mut requests = BTreeMap::new();
    for Passed {
        command, arguments, ..
    } in passed
    {
        let script = arguments.first().and_then(|sha| {
            let sha = String::from_utf8_lossy(sha).into_owned();
            scripts.get(&sha).cloned()
        });
        let name = script.filter(|_| command == "EVALSHA");
        *requests
            .entry(name.unwrap_or_else(|| command.clone()))
            .or_insert(0) += 1;
    }
    requests
}

/// Commands of a claim: they are one transaction, which is one request.
const OF_A_CLAIM: [&str; 5] = ["MULTI", "HSETNX", "HMGET", "HGET", "EXEC"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_ids_of_which_ninety_hit_are_one_read_one_claim_one_run_and_one_put() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let proxy = Proxy::start(server.port());
        let cache = Cache::builder(unique("wire")).redis(proxy.url());
        // Recorded hits would go with the put, or not.
        let cache = cache
            .deadline(PATIENT)
            .touch(Touch::default())
            .build()
            .unwrap();
        let (runs, [users]) = repo([&cache]);
        let all: Vec<u64> = (0..100).collect();
        many(&users, &all[..90]).await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let (before, passed) = (cache.stats(), proxy.transcript().len());
        assert_eq!(many(&users, &all).await.unwrap().unwrap().len(), 100);
        let requests = requests(&proxy.transcript()[passed..]);
        assert_eq!(runs.all()[1], all[90..]);
        let stats = cache.stats();
        assert_eq!(stats.count - before.count, 1);
        assert_eq!(stats.read - before.read, 100);
        assert_eq!(stats.hit - before.hit, 90);
        assert_eq!(stats.miss - before.miss, 10);
        assert_eq!(stats.exec - before.exec, 1);
        assert_eq!(stats.write - before.write, 10);
        assert_eq!(requests.get("MULTI"), Some(&1), "one claim: {requests:?}");
        assert_eq!(requests.get("HSETNX"), Some(&10), "{requests:?}");
        assert_eq!(
            requests.get("HMGET"),
            Some(&4),
            "entries and epochs are read once, and again in the claim: {requests:?}"
        );
        let puts = requests.iter().filter(|(name, _)| name.contains("put"));
        assert_eq!(
            puts.map(|(_, n)| n).sum::<usize>(),
            1,
            "one put: {requests:?}"
        );
        let known = |name: &str| {
            OF_A_CLAIM.contains(&name)
                || ["put", "touch", "PEXPIRE", "TIME"]
                    .iter()
                    .any(|known| name.contains(known))
        };
        assert!(requests.keys().all(|name| known(name)), "{requests:?}");
    }
}
