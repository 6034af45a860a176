//! Entries that cannot be read are misses that heal, values that cannot be stored leave no older
//! one behind, and what panics inside a codec does not reach the caller.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::private::{Call, Method, Options, discard, engine};
use redis_func_cache::{
    Cache, CacheExt as _, Codec, CodecError, ErrorKind, ValueCodec, cache_impl, erased_serde,
};
use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use support::{PATIENT, Server, binaries, check_pairs, eventually, unique};

const SOON: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
struct OwnError;

#[derive(Default)]
struct Repo {
    runs: AtomicU64,
    fails: AtomicBool,
}

/// A value that grows from call to call, and has its moods.
#[derive(Debug, PartialEq)]
enum Moody {
    Fine(String),
    Fails,
    Panics,
}

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fine(text) => serializer.serialize_str(text),
            Self::Fails => Err(S::Error::custom("no")),
            Self::Panics => panic!("the value panics on its way out"),
        }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert!(text != "panic", "the value panics on its way in");
        if text == "fail" {
            return Err(D::Error::custom("no"));
        }
        Ok(Self::Fine(text))
    }
}

/// Panics as a part of a key.
struct Nervous;

impl Serialize for Nervous {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("the argument panics")
    }
}

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> Result<u64, OwnError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(OwnError);
        }
        Ok(id)
    }

    async fn name(&self, id: u64) -> String {
        id.to_string()
    }

    async fn wide(&self, id: u64) -> u64 {
        id + 1_000
    }

    #[cache(codec = "json")]
    async fn json(&self, id: u64) -> u64 {
        id
    }

    /// The first run is fine, the others as the mood says.
    async fn moody(&self, mood: u8) -> Moody {
        match (self.runs.fetch_add(1, Ordering::SeqCst), mood) {
            (0, _) => Moody::Fine("old".to_owned()),
            (_, 0) => Moody::Fine("x".repeat(2_000)),
            (_, 1) => Moody::Fails,
            _ => Moody::Panics,
        }
    }

    async fn says(&self, text: &str) -> Moody {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Moody::Fine(text.to_owned())
    }

    async fn nervous(&self, _argument: Nervous) -> u64 {
        7
    }
}

fn values_key(server: &Server) -> String {
    let keys = server.keys();
    keys.into_iter().find(|key| key.ends_with(":1")).unwrap()
}

/// How many keys hold entries. Beside them there are the states of methods.
fn keys_of_entries(server: &Server) -> usize {
    let keys = server.keys().into_iter();
    keys.filter(|key| !key.ends_with(":2")).count()
}

/// Runs Lua over the values that are stored: `all` holds fields and entries in turn.
fn edit(server: &Server, lua: &str) {
    let script = format!("local all = redis.call('HGETALL', KEYS[1]) {lua}");
    let _: () = server.query(&["EVAL", &script, "1", &values_key(server)]);
}

#[tokio::test]
async fn corrupt_values_never_change_an_answer_and_are_repaired() {
    // Each field is given what the next one holds; bytes of another call, method, type and codec.
    let rotate = "for i = 1, #all, 2 do \
                  redis.call('HSET', KEYS[1], all[i], all[(i + 2) % #all + 1]) end";
    // The same with headers that name the right call, but checksums that do not fit them.
    let graft = "for i = 1, #all, 2 do local own, other = all[i + 1], all[(i + 2) % #all + 1] \
                 redis.call('HSET', KEYS[1], all[i], string.sub(own, 1, 80) .. string.sub(other, 81)) end";
    let large = "for i = 1, #all, 2 do redis.call('HSET', KEYS[1], all[i], string.rep('x', 60 * 1024 * 1024)) break end";
    let empty = "for i = 1, #all, 2 do redis.call('HSET', KEYS[1], all[i], '') end";
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("hostile"))
            .redis(server.url())
            .deadline(PATIENT)
            // 60 MiB take their time in a build without optimisation.
            .deadline(Duration::from_secs(10))
            .build()
            .unwrap();
        let repo = Repo::default().cached(&cache);
        let all = async || {
            assert_eq!(repo.find(1).await, Ok(1));
            assert_eq!(repo.find(2).await, Ok(2));
            assert_eq!(repo.name(1).await, "1");
            assert_eq!(repo.wide(1).await, 1_001);
            assert_eq!(repo.json(1).await, 1);
        };
        all().await;
        for (lua, bad) in [(rotate, 5), (graft, 5), (empty, 5), (large, 1)] {
            let before = cache.stats();
            edit(&server, lua);
            all().await;
            let after = cache.stats();
            // Payloads of equal bytes are no harm, wherever they are.
            let found = after.undecodable - before.undecodable;
            assert!((1..=bad).contains(&found), "{binary}: {found} of {lua}");
            // Of another method, and so of another epoch, they are absent.
            let missed = after.miss - before.miss;
            assert!((found..=5).contains(&missed), "{lua}");
            assert_eq!(after.hit - before.hit, 5 - missed, "{lua}");
            all().await;
            assert_eq!(cache.stats().hit, after.hit + 5, "healed: {lua}");
            // Recorded hits may have waited for too long behind 60 MiB.
            if lua != large {
                assert_eq!(cache.stats().error, 0, "{lua}");
            }
        }
        check_pairs(&server);
    }
}

#[tokio::test]
async fn an_unreadable_entry_is_removed_in_the_background() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let cache = Cache::builder(unique("discard"))
            .redis(server.url())
            .deadline(PATIENT)
            .max_entry_bytes(1_000)
            .build()
            .unwrap();
        let repo = Repo::default().cached(&cache);
        for garbage in ["'garbage'", "''", "string.rep('x', 5000)"] {
            CachedRepo::inner(&repo)
                .fails
                .store(false, Ordering::SeqCst);
            assert_eq!(repo.find(1).await, Ok(1));
            edit(
                &server,
                &format!("redis.call('HSET', KEYS[1], all[1], {garbage})"),
            );
            // An `Err` is not stored, so no put overwrites it.
            CachedRepo::inner(&repo).fails.store(true, Ordering::SeqCst);
            assert_eq!(repo.find(1).await, Err(OwnError));
            eventually("the entry is gone", SOON, || keys_of_entries(&server) == 0);
        }
        assert_eq!(cache.stats().error, 0);
    }
}

#[tokio::test]
async fn a_valid_entry_over_the_limit_is_a_miss() {
    let server = Server::start();
    let name = unique("limit");
    let build = |most| {
        let builder = Cache::builder(&name).redis(server.url()).deadline(PATIENT);
        builder.max_entry_bytes(most).build().unwrap()
    };
    let text = "x".repeat(500);
    let (wide, strict) = (build(1_000), build(400));
    Repo::default().cached(&wide).says(&text).await;
    cache_says(&strict, &text).await;
    assert_eq!((strict.stats().hit, strict.stats().undecodable), (0, 1));
    cache_says(&wide, &text).await;
    assert_eq!(
        wide.stats().hit,
        0,
        "gone for all, as its newer value is too large"
    );
}

async fn cache_says(cache: &Cache, text: &str) {
    let said = Repo::default().cached(cache).says(text).await;
    assert_eq!(said, Moody::Fine(text.to_owned()));
}

static METHOD: Method = Method::new("hostile::Repo::find", "Repo::find", [7; 20], Options::NONE);

#[test]
fn an_entry_that_changed_after_it_was_read_is_not_removed() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let name = unique("changed");
        let build = |most| {
            let builder = Cache::builder(&name).redis(server.url()).deadline(PATIENT);
            builder.max_entry_bytes(most).build().unwrap()
        };
        let cache = build(1 << 20);
        let values = format!("func-cache:{name}:lru_t:1");
        let call = || Call::of_entry(engine(&cache), &METHOD, |writer| writer.add(&1u8));
        let handle = redis_func_cache::EntryHandle::<
            redis_func_cache::private::ReturnTypeOf<false>,
            String,
            (),
        >::new(call(), ());
        let size = || -> u64 { server.query(&["HLEN", &values]) };
        pollster::block_on(handle.put(&"newer".to_owned())).unwrap();
        let entries: Vec<Vec<u8>> = server.query(&["HVALS", &values]);
        let mut seen = entries[0].clone();
        *seen.last_mut().unwrap() ^= 1;
        // One after the other: each of them would remove what it was shown.
        for other in [&seen[..], &seen[1..], b"", &vec![0; 2 << 20]] {
            discard(call(), other);
            settled(&cache);
            assert_eq!(size(), 1, "{binary}: {} bytes", other.len());
        }
        discard(call(), &entries[0]);
        eventually("what was seen is gone", SOON, || size() == 0);
        assert_eq!(keys_of_entries(&server), 0);
        // Too large to be looked at: its length is enough.
        let strict = build(1);
        pollster::block_on(handle.put(&"x".repeat(1_000))).unwrap();
        let entries: Vec<Vec<u8>> = server.query(&["HVALS", &values]);
        let call = || Call::of_entry(engine(&strict), &METHOD, |writer| writer.add(&1u8));
        discard(call(), &vec![0; entries[0].len() + 1]);
        settled(&strict);
        assert_eq!(size(), 1);
        discard(call(), &vec![0; entries[0].len()]);
        eventually("the large one is gone", SOON, || size() == 0);
    }
}

/// What was sent before has been done: the driver is one thread and its connection one queue.
fn settled(cache: &Cache) {
    for _ in 0..2 {
        let call = Call::of_entry(engine(cache), &METHOD, |writer| writer.add(&2u8));
        let other = redis_func_cache::EntryHandle::<
            redis_func_cache::private::ReturnTypeOf<false>,
            String,
            (),
        >::new(call, ());
        pollster::block_on(other.peek()).unwrap();
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_leaves_no_older_one_behind() {
    let server = Server::start();
    for mood in 0..3 {
        for builder in [
            Cache::builder(unique("older")),
            Cache::builder(unique("older"))
                .redis(server.url())
                .deadline(PATIENT),
        ] {
            let cache = builder.max_entry_bytes(1_000).build().unwrap();
            let repo = Repo::default().cached(&cache);
            assert_eq!(repo.moody(mood).await, Moody::Fine("old".to_owned()));
            assert_eq!(cache.len().await.unwrap(), 1);
            let newer = cache.write_only(repo.moody(mood)).await;
            assert_ne!(newer, Moody::Fine("old".to_owned()));
            assert_eq!(
                repo.entry().moody(mood).peek().await.unwrap(),
                None,
                "mood {mood}"
            );
            assert_eq!((cache.len().await.unwrap(), cache.stats().error), (0, 1));
            // The same through a handle.
            let old = Moody::Fine("old".to_owned());
            repo.entry().moody(mood).put(&old).await.unwrap();
            let refused = repo.entry().moody(mood).put(&newer).await.unwrap_err();
            let kind = [ErrorKind::TooLarge, ErrorKind::Encode, ErrorKind::Encode];
            assert_eq!(refused.kind(), kind[usize::from(mood)]);
            assert_eq!(cache.len().await.unwrap(), 0);
        }
    }
    check_pairs(&server);
}

/// Panics where it is asked to.
struct Shaky;

impl ValueCodec for Shaky {
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        out.push(b' ');
        serde_json::to_writer(&mut *out, value)?;
        assert!(!out.ends_with(b"\"shaky\""), "the codec panics");
        Ok(())
    }

    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        assert!(payload != b" \"unread\"", "the codec panics");
        let mut json = serde_json::Deserializer::from_slice(payload);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?)
    }
}

#[tokio::test]
async fn a_panic_in_a_codec_is_a_miss_or_an_entry_not_stored() {
    let codecs = [
        Codec::Cbor,
        Codec::Json,
        Codec::MsgPack,
        Codec::Bson,
        Codec::Yaml,
        Codec::Postcard,
        Codec::custom(200, Shaky).unwrap(),
    ];
    for codec in codecs {
        let what = format!("{codec:?}");
        let cache = Cache::builder(unique("panics"))
            .codec(codec)
            .build()
            .unwrap();
        let repo = Repo::default().cached(&cache);
        // `fail` and `panic` are stored, and cannot be read.
        for text in ["fail", "panic", "fine"] {
            for _ in 0..2 {
                assert_eq!(
                    repo.says(text).await,
                    Moody::Fine(text.to_owned()),
                    "{what}"
                );
            }
        }
        let stats = cache.stats();
        let counted = (stats.hit, stats.undecodable, stats.error, stats.exec);
        assert_eq!(counted, (1, 2, 0, 5), "{what}");
        assert_eq!(repo.moody(2).await, Moody::Panics);
        assert_eq!((cache.stats().error, cache.stats().write), (1, 5), "{what}");
        if what.contains("Custom") {
            assert_eq!(repo.says("shaky").await, Moody::Fine("shaky".to_owned()));
            assert_eq!(cache.stats().error, 2);
            repo.says("unread").await;
            repo.says("unread").await;
            assert_eq!(cache.stats().undecodable, 3);
        }
    }
}

#[tokio::test]
async fn an_argument_that_panics_bypasses_the_cache() {
    let cache = Cache::builder(unique("nervous")).build().unwrap();
    let repo = Repo::default().cached(&cache);
    assert_eq!(repo.nervous(Nervous).await, 7);
    assert_eq!((cache.stats().bypass, cache.stats().exec), (1, 1));
}
