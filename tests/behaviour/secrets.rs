//! No argument, value, password or user is in what the crate says: events, errors, `Debug`, counts.

use std::error::Error as _;
use std::fmt::{Debug, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::{
    Cache, CacheBuilder, CacheExt as _, Codec, CodecError, Error, ErrorKind as Kind, Policy,
    ValueCodec, cache_impl, erased_serde,
};
use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use support::{Server, binaries, unique};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// In everything that is to be kept.
const CANARY: &str = "canary";

/// All that was said at any level, by any thread of the process.
static SAID: Mutex<String> = Mutex::new(String::new());

struct Everything(AtomicU64);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Everything {
    fn note(metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
        let mut said = SAID.lock().unwrap();
        write!(said, "{} {}", metadata.level(), metadata.target()).unwrap();
        record(&mut Fields(&mut said));
        said.push('\n');
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Self::note(span.metadata(), |fields| span.record(fields));
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut SAID.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::note(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What else the crate gives out, all in one text.
#[derive(Default)]
struct Given {
    text: String,
    kinds: Vec<Kind>,
}

impl Given {
    fn error(&mut self, error: &Error) {
        self.kinds.push(error.kind());
        write!(self.text, "{error} {error:?} {}", error.kind()).unwrap();
        let mut source = error.source();
        while let Some(error) = source {
            write!(self.text, " {error} {error:?}").unwrap();
            source = error.source();
        }
        self.text.push('\n');
    }

    fn debug(&mut self, value: &dyn Debug) {
        writeln!(self.text, "{value:?} {value:#?}").unwrap();
    }
}

#[derive(Debug, PartialEq)]
struct Value(String);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.contains("unwritable") {
            return Err(S::Error::custom(&self.0));
        }
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains("unreadable") {
            return Err(D::Error::custom(text));
        }
        Ok(Self(text))
    }
}

/// An argument; one that cannot be a key says why, with all it knows.
#[derive(Clone, Copy)]
struct Argument(&'static str);

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.contains("unkeyable") {
            return Err(S::Error::custom(self.0));
        }
        serializer.serialize_str(self.0)
    }
}

#[derive(Debug)]
struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, argument: Argument) -> Value {
        Value(format!("value of {}", argument.0))
    }

    async fn large(&self, argument: Argument) -> String {
        argument.0.repeat(1_000)
    }

    fn blocking(&self, argument: Argument) -> Value {
        Value(argument.0.to_owned())
    }

    #[nocache]
    #[invalidates(find(argument))]
    async fn change(&self, argument: Argument) {
        let _ = argument;
    }
}

/// Calls of every kind, and everything that can be asked of the cache afterwards.
async fn exercise(given: &mut Given, cache: &Cache) {
    let repo = Repo.cached(cache);
    for argument in [
        "canary-a",
        "canary-unwritable",
        "canary-unreadable",
        "canary-unkeyable",
    ] {
        for _ in 0..2 {
            repo.find(Argument(argument)).await;
        }
        repo.large(Argument(argument)).await;
        repo.blocking(Argument(argument));
        let entry = || repo.entry().find(Argument(argument));
        given.debug(&entry());
        if let Err(error) = entry().peek().await {
            given.error(&error);
        }
        if let Err(error) = entry().put(&Value(argument.to_owned())).await {
            given.error(&error);
        }
        if let Err(error) = entry().ttl().await {
            given.error(&error);
        }
        if let Err(error) = entry().invalidate().await {
            given.error(&error);
        }
        entry().refresh().await;
        let large = repo
            .entry()
            .large(Argument(argument))
            .put(&argument.repeat(1_000))
            .await;
        if let Err(error) = large {
            given.error(&error);
        }
        repo.change(Argument(argument)).await;
    }
    // Before the purge, as the memory store holds what it is not to show.
    given.debug(cache);
    for asked in [cache.len().await, cache.purge().await] {
        if let Err(error) = asked {
            given.error(&error);
        }
    }
    given.debug(cache);
    given.debug(&repo);
    given.debug(&cache.stats());
    given.debug(&cache.method_stats());
}

fn server_url(server: &Server, user: &str) -> String {
    format!("redis://{user}:canary-password@127.0.0.1:{}", server.port())
}

async fn exercise_on(
    given: &mut Given,
    server: &Server,
    user: &str,
    more: impl Fn(CacheBuilder) -> CacheBuilder,
) {
    let builder = Cache::builder(unique("secrets"))
        .max_entry_bytes(2_000)
        .redis(server_url(server, user));
    let builder = more(builder);
    given.debug(&builder);
    let cache = builder.build().unwrap();
    exercise(given, &cache).await;
    cache.close().await;
    exercise(given, &cache).await;
}

struct Silent;

impl ValueCodec for Silent {
    fn encode(&self, _: &dyn erased_serde::Serialize, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err("canary-codec".into())
    }

    fn decode(
        &self,
        _: &[u8],
        _: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        Err("canary-codec".into())
    }
}

/// Accounts that may do all, some, or nothing.
async fn with_users(given: &mut Given, server: &Server) {
    let plain: fn(CacheBuilder) -> CacheBuilder = |builder| builder;
    let acl = |user: &str, rules: &[&str]| {
        let _: () =
            server.query(&[&["ACL", "SETUSER", user, "on", ">canary-password"], rules].concat());
    };
    acl("canary-all", &["~*", "+@all"]);
    acl("canary-nothing", &["~*", "-@all"]);
    acl("canary-reader", &["~*", "+@all", "-evalsha", "-eval"]);
    acl("canary-elsewhere", &["~canary:*", "+@all"]);
    acl("canary-half", &["~*", "+@all", "-zadd"]);
    for user in [
        "canary-all",
        "canary-nothing",
        "canary-reader",
        "canary-elsewhere",
        "canary-half",
        "canary-unknown",
        "",
    ] {
        exercise_on(given, server, user, plain).await;
    }
    exercise_on(given, server, "canary-all", |builder| {
        builder.touch(redis_func_cache::Touch::Exact)
    })
    .await;
    exercise_on(given, server, "canary-all", |builder| {
        builder.codec(Codec::Json)
    })
    .await;
    exercise_on(given, server, "canary-all", |builder| {
        builder.codec(Codec::custom(200, Silent).unwrap())
    })
    .await;
}

/// Foreign types, bytes that cannot be read, refusals to write, silence, death.
async fn with_faults(given: &mut Given, server: &Server) {
    let name = unique("secrets");
    for (kind, add) in [("0", "SADD"), ("1", "SADD")] {
        let _: () = server.query(&[
            add,
            &format!("func-cache:{name}:lru_t:{kind}"),
            "canary-member",
        ]);
    }
    let build = |name: &str| {
        Cache::builder(name)
            .redis(server_url(server, "canary-all"))
            .build()
            .unwrap()
    };
    exercise(given, &build(&name)).await;
    let cache = build(&unique("secrets"));
    Repo.cached(&cache).find(Argument("canary-a")).await;
    let script = "for _, key in ipairs(redis.call('KEYS', '*secrets*:1')) do \
                  if redis.call('TYPE', key).ok == 'hash' then \
                  for _, field in ipairs(redis.call('HKEYS', key)) do \
                  redis.call('HSET', key, field, 'canary-bytes') end end end";
    let _: () = server.query(&["EVAL", script, "0"]);
    Repo.cached(&cache).find(Argument("canary-a")).await;
    assert_eq!(cache.stats().undecodable, 1);
    let _: () = server.query(&["CONFIG", "SET", "maxmemory", "1"]);
    exercise(given, &cache).await;
    let _: () = server.query(&["CONFIG", "SET", "maxmemory", "0"]);
    let impatient = Cache::builder(unique("secrets"))
        .redis(server_url(server, "canary-all"))
        .deadline(Duration::from_millis(5))
        .build()
        .unwrap();
    Repo.cached(&impatient).find(Argument("canary-a")).await;
    server.stop();
    Repo.cached(&impatient).find(Argument("canary-a")).await;
    given.error(&impatient.len().await.unwrap_err());
    server.cont();
    server.kill();
    exercise(given, &impatient).await;
}

fn with_settings(given: &mut Given) {
    for url in [
        "redis://canary-user:canary-password@host:port",
        "http://canary",
        "redis://x/canary",
        "canary",
    ] {
        given.error(&Cache::builder("x").redis(url).build().unwrap_err());
        given.error(
            &Cache::builder("x")
                .redis_cluster([url])
                .build()
                .unwrap_err(),
        );
        given.error(
            &Cache::builder("x")
                .redis_sentinel([url], "canary-service")
                .build()
                .unwrap_err(),
        );
    }
    given.error(&Codec::custom(1, Silent).unwrap_err());
    given.debug(&Codec::custom(200, Silent).unwrap());
    given.debug(&Policy::default());
    let secret = *b"canary-canary-canary-canary-32-b";
    let keys = || redis_func_cache::SealKeys::new(1, secret);
    given.debug(&keys());
    given.debug(&Cache::builder("x").sealed(keys()));
    given.debug(&Cache::builder("x").sealed(keys()).build().unwrap());
    given.error(
        &Cache::builder("x")
            .sealed(keys().with_previous(1, secret))
            .build()
            .unwrap_err(),
    );
}

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    tracing::subscriber::set_global_default(Everything(AtomicU64::new(0))).unwrap();
    let mut given = Given::default();
    for binary in binaries() {
        let server = Server::start_on(&binary);
        with_users(&mut given, &server).await;
        with_faults(&mut given, &server).await;
    }
    let closed = Cache::builder(unique("secrets"))
        .max_entry_bytes(2_000)
        .build()
        .unwrap();
    exercise(&mut given, &closed).await;
    closed.close().await;
    exercise(&mut given, &closed).await;
    with_settings(&mut given);

    let said = SAID.lock().unwrap();
    for (what, text) in [("given", &given.text), ("said", &*said)] {
        println!(
            "{what}: {} lines, {} bytes",
            text.lines().count(),
            text.len()
        );
        let found: Vec<_> = text
            .lines()
            .filter(|line| line.to_lowercase().contains(CANARY))
            .collect();
        assert!(found.is_empty(), "{what}: {found:#?}");
        // Bytes of it in a `Debug` of an array.
        assert!(!text.contains("99, 97, 110, 97, 114, 121"), "{what}");
    }
    // The ways to fail were taken.
    for kind in [
        Kind::Closed,
        Kind::Config,
        Kind::Encode,
        Kind::Foreign,
        Kind::Key,
        Kind::Server,
        Kind::TooLarge,
        Kind::Unavailable,
    ] {
        assert!(
            given.kinds.contains(&kind),
            "{kind} was not forced: {:?}",
            given.kinds
        );
    }
    for event in [
        "cannot connect",
        "cannot be a key",
        "the cache failed",
        "an invalidation failed",
    ] {
        assert!(said.contains(event), "`{event}` was not said");
    }
}
