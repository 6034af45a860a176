//! Every codec gives back what it was given, and changing one is a miss at worst.

use std::collections::BTreeMap;

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, Codec, CodecError, ValueCodec, cache_impl, erased_serde,
};
use serde::{Deserialize, Serialize};
use support::{PATIENT, Server, unique};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Tuple(i64, String),
    Struct { x: f64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u64,
    name: String,
    tags: Vec<String>,
    kinds: Vec<Kind>,
    maybe: Option<u32>,
    none: Option<u32>,
    map: BTreeMap<String, i32>,
    pair: (u8, char),
}

fn record(id: u64) -> Record {
    Record {
        id,
        name: format!("name-{id}-ünïcode"),
        tags: vec!["a".into(), String::new()],
        kinds: vec![
            Kind::Unit,
            Kind::Tuple(-5, "t".into()),
            Kind::Struct { x: 1.5 },
        ],
        maybe: Some(7),
        none: None,
        map: [("k".to_owned(), -1), ("l".to_owned(), 2)].into(),
        pair: (255, 'ß'),
    }
}

struct Repo;

#[cache_impl]
impl Repo {
    #[cache]
    async fn record(&self, id: u64) -> Record {
        record(id)
    }

    async fn text(&self, n: usize) -> String {
        "abc ".repeat(n)
    }

    async fn number(&self, n: i32) -> i32 {
        n
    }

    async fn nothing(&self, n: i32) -> Option<String> {
        let _ = n;
        None
    }

    #[cache(codec = "json")]
    async fn as_json(&self, id: u64) -> Record {
        record(id)
    }
}

fn all() -> Vec<(&'static str, Codec)> {
    vec![
        ("cbor", Codec::Cbor),
        ("json", Codec::Json),
        ("msgpack", Codec::MsgPack),
        ("bson", Codec::Bson),
        ("yaml", Codec::Yaml),
        ("postcard", Codec::Postcard),
        ("own", Codec::custom(200, Pretty).unwrap()),
    ]
}

struct Pretty;

impl ValueCodec for Pretty {
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        Ok(serde_json::to_writer_pretty(out, value)?)
    }

    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        let mut json = serde_json::Deserializer::from_slice(payload);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?)
    }
}

async fn same_twice(cache: &Cache, what: &str) {
    let repo = Repo.cached(cache);
    for _ in 0..2 {
        assert_eq!(repo.record(1).await, record(1), "{what}");
        assert_eq!(repo.text(3000).await, "abc ".repeat(3000), "{what}");
        assert_eq!(repo.text(0).await, "", "{what}");
        assert_eq!(repo.number(-9).await, -9, "{what}");
        assert_eq!(repo.nothing(1).await, None, "{what}");
    }
    let stats = cache.stats();
    assert_eq!(
        (stats.hit, stats.miss, stats.undecodable, stats.error),
        (5, 5, 0, 0),
        "{what}"
    );
}

#[tokio::test]
async fn every_codec_round_trips() {
    let server = Server::start();
    let plain: fn(CacheBuilder) -> CacheBuilder = |builder| builder;
    let packed: fn(CacheBuilder) -> CacheBuilder = |builder| builder.compress_above(100);
    for (name, codec) in all() {
        for more in [plain, packed] {
            let memory = more(Cache::builder(unique("codec")).codec(codec.clone()));
            same_twice(&memory.build().unwrap(), name).await;
            let redis = more(
                Cache::builder(unique("codec"))
                    .codec(codec.clone())
                    .redis(server.url())
                    .deadline(PATIENT),
            );
            same_twice(&redis.build().unwrap(), name).await;
        }
    }
}

#[tokio::test]
async fn changing_the_codec_is_a_miss_at_worst() {
    let server = Server::start();
    let name = unique("rolling");
    let mut expected = 0;
    for (at, (_, codec)) in all().into_iter().chain([("cbor", Codec::Cbor)]).enumerate() {
        let cache = Cache::builder(&name)
            .codec(codec)
            .redis(server.url())
            .deadline(PATIENT)
            .build()
            .unwrap();
        let repo = Repo.cached(&cache);
        assert_eq!(repo.record(1).await, record(1));
        assert_eq!(repo.record(1).await, record(1));
        expected = u64::from(at > 0);
        assert_eq!(
            (cache.stats().undecodable, cache.stats().hit),
            (expected, 1)
        );
    }
    assert_eq!(expected, 1);
}

#[tokio::test]
async fn a_method_may_have_a_codec_of_its_own() {
    let server = Server::start();
    let cache = Cache::builder(unique("mixed"))
        .redis(server.url())
        .deadline(PATIENT)
        .build()
        .unwrap();
    let repo = Repo.cached(&cache);
    repo.as_json(1).await;
    let values = server
        .keys()
        .into_iter()
        .find(|key| key.ends_with(":1"))
        .unwrap();
    let entries: Vec<Vec<u8>> = server.query(&["HVALS", &values]);
    assert_eq!(
        serde_json::from_slice::<Record>(&entries[0][80..]).unwrap(),
        record(1)
    );
    assert_eq!(repo.as_json(1).await, record(1));
    assert_eq!(cache.stats().hit, 1);
}

#[tokio::test]
async fn large_values_are_compressed_and_small_ones_are_not() {
    let server = Server::start();
    let sizes = async |above: Option<usize>| {
        let builder = Cache::builder(unique("lz4"))
            .redis(server.url())
            .deadline(PATIENT);
        let cache = above.map_or_else(
            || builder.redis(server.url()).deadline(PATIENT),
            |above| {
                Cache::builder(unique("lz4"))
                    .redis(server.url())
                    .deadline(PATIENT)
                    .compress_above(above)
            },
        );
        let cache = cache.build().unwrap();
        let repo = Repo.cached(&cache);
        repo.text(1000).await;
        let values = server
            .keys()
            .into_iter()
            .find(|key| key.ends_with(":1"))
            .unwrap();
        let entries: Vec<Vec<u8>> = server.query(&["HVALS", &values]);
        assert_eq!(repo.text(1000).await, "abc ".repeat(1000));
        assert_eq!(cache.stats().hit, 1);
        cache.purge().await.unwrap();
        entries[0].len()
    };
    let plain = sizes(None).await;
    assert_eq!(sizes(Some(1 << 19)).await, plain);
    assert!(sizes(Some(1000)).await * 10 < plain);
}

#[tokio::test]
async fn a_compressed_entry_over_the_limit_is_a_miss() {
    let server = Server::start();
    let name = unique("bomb");
    let build = |limit| {
        Cache::builder(&name)
            .redis(server.url())
            .deadline(PATIENT)
            .compress_above(1)
            .max_entry_bytes(limit)
            .build()
            .unwrap()
    };
    Repo.cached(&build(1 << 20)).text(10_000).await;
    let strict = build(1000);
    assert_eq!(Repo.cached(&strict).text(10_000).await.len(), 40_000);
    assert_eq!((strict.stats().undecodable, strict.stats().hit), (1, 0));
}

#[test]
fn ids_of_custom_codecs_never_collide_with_built_in_ones() {
    let error = Codec::custom(5, Pretty).unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("128"),
        "{error}"
    );
}
