//! A sealed cache takes what its keys have sealed for that very call, and nothing else.

#![cfg(feature = "seal")]

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, SealKeys, cache_impl};
use support::{PATIENT, Server, check_pairs, unique};
use xxhash_rust::xxh3::xxh3_64;

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> String {
        format!("canary-{id} ").repeat(3)
    }

    async fn slow(&self, id: u64) -> String {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        format!("slow-{id}")
    }
}

fn value(id: u64) -> String {
    format!("canary-{id} ").repeat(3)
}

fn build(name: &str, server: &Server, more: impl Fn(CacheBuilder) -> CacheBuilder) -> Cache {
    more(Cache::builder(name).redis(server.url()).deadline(PATIENT))
        .build()
        .unwrap()
}

fn entries(server: &Server) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = server.keys();
    let values = keys.iter().find(|key| key.ends_with(":1")).unwrap();
    server.query(&["HGETALL", values])
}

fn set(server: &Server, field: &[u8], entry: &[u8]) {
    let keys = server.keys();
    let values = keys.iter().find(|key| key.ends_with(":1")).unwrap();
    redis::cmd("HSET")
        .arg(values)
        .arg(field)
        .arg(entry)
        .exec(&mut server.connection())
        .unwrap();
}

/// Makes the checksum fit again: it keeps no secret.
fn vouch(entry: &mut [u8]) {
    let checked = [&entry[0..4], &entry[48..72], &entry[80..]].concat();
    entry[72..80].copy_from_slice(&xxh3_64(&checked).to_le_bytes());
}

#[tokio::test]
async fn sealed_values_round_trip_and_are_unreadable_in_the_store() {
    let server = Server::start();
    let plain: fn(CacheBuilder) -> CacheBuilder = |builder| builder;
    let packed: fn(CacheBuilder) -> CacheBuilder = |builder| builder.compress_above(1);
    for more in [plain, packed] {
        let cache = build(&unique("sealed"), &server, |builder| {
            more(builder.sealed(SealKeys::new(1, NEW)))
        });
        let repo = Repo.cached(&cache);
        for _ in 0..2 {
            assert_eq!(repo.find(1).await, value(1));
        }
        assert_eq!((cache.stats().hit, cache.stats().error), (1, 0));
        for (_, entry) in entries(&server) {
            assert!(!entry.windows(6).any(|bytes| bytes == b"canary"));
        }
        // Followers are given the sealed payload.
        let (one, two) = tokio::join!(repo.slow(1), repo.slow(1));
        assert_eq!((one.as_str(), two.as_str()), ("slow-1", "slow-1"));
        assert_eq!(cache.stats().coalesced, 1);
        cache.purge().await.unwrap();
    }
}

#[tokio::test]
async fn sealed_and_unsealed_caches_ignore_each_others_entries() {
    let server = Server::start();
    let name = unique("mixed");
    let open = build(&name, &server, |builder| builder);
    let sealed = build(&name, &server, |builder| {
        builder.sealed(SealKeys::new(1, NEW))
    });
    for (one, other) in [(&open, &sealed), (&sealed, &open)] {
        let before = (other.stats().undecodable, other.stats().hit);
        assert_eq!(Repo.cached(one).find(1).await, value(1));
        assert_eq!(Repo.cached(other).find(1).await, value(1));
        assert_eq!(other.stats().undecodable, before.0 + 1);
        assert_eq!(other.stats().hit, before.1);
    }
    // An entry without a seal, however well its header is made.
    let (field, mut entry) = entries(&server).remove(0);
    let repo = Repo.cached(&sealed);
    let before = sealed.stats().undecodable;
    entry[2] = 2;
    vouch(&mut entry);
    set(&server, &field, &entry);
    assert_eq!(repo.find(1).await, value(1));
    let (field, mut entry) = entries(&server).remove(0);
    entry[2] = 0;
    vouch(&mut entry);
    set(&server, &field, &entry);
    assert_eq!(repo.find(1).await, value(1));
    assert_eq!(sealed.stats().undecodable, before + 2);
    check_pairs(&server);
}

#[tokio::test]
async fn seal_keys_rotate_without_a_miss() {
    let server = Server::start();
    let name = unique("rotation");
    let with =
        |keys: fn() -> SealKeys| build(&name, &server, move |builder| builder.sealed(keys()));
    let old = with(|| SealKeys::new(1, OLD));
    let both = with(|| SealKeys::new(2, NEW).with_previous(1, OLD));
    let new = with(|| SealKeys::new(2, NEW));
    Repo.cached(&old).find(1).await;
    Repo.cached(&both).find(1).await;
    assert_eq!(both.stats().hit, 1, "by the previous key");
    Repo.cached(&both).find(2).await;
    Repo.cached(&new).find(2).await;
    assert_eq!(new.stats().hit, 1, "by the current key");
    Repo.cached(&new).find(1).await;
    assert_eq!(
        (new.stats().hit, new.stats().undecodable),
        (1, 1),
        "by an unknown key"
    );
    Repo.cached(&both).find(1).await;
    assert_eq!(both.stats().hit, 2, "written again with the current key");
}

/// A process that can write to the server can forge every header.
#[tokio::test]
async fn a_sealed_payload_is_accepted_for_its_own_call_only() {
    let server = Server::start();
    let cache = build(&unique("moved"), &server, |builder| {
        builder.sealed(SealKeys::new(1, NEW))
    });
    let repo = Repo.cached(&cache);
    repo.find(1).await;
    repo.find(2).await;
    let [(field_a, a), (field_b, b)] = <[_; 2]>::try_from(entries(&server)).unwrap();
    for (field, own, other) in [(&field_a, &a, &b), (&field_b, &b, &a)] {
        let mut moved = other.clone();
        moved[32..40].copy_from_slice(&own[32..40]);
        vouch(&mut moved);
        set(&server, field, &moved);
    }
    assert_eq!(repo.find(1).await, value(1));
    assert_eq!(repo.find(2).await, value(2));
    let stats = cache.stats();
    assert_eq!((stats.hit, stats.undecodable), (0, 2));
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let keys = SealKeys::new(3, NEW).with_previous(3, OLD);
    let error = Cache::builder("shop").sealed(keys).build().unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("the id 3"),
        "{error}"
    );
}
