//! Settings from files and the environment.

mod value;

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use self::value::SettingValue;
use super::CacheBuilder;
use crate::entry::codec::Codec;
use crate::key::names::Layout;
use crate::policy::Policy;
use crate::settings::{Stampede, StructureTtl, Touch};

/// Settings of a [`CacheBuilder`], as a file or the environment has them: `serde::Deserialize`, for TOML, JSON, YAML and
/// others. Give them to [`CacheBuilder::settings`].
///
/// All keys are optional, and unknown ones are errors. Numbers and `true` may stand in quotes, as they do in the environment.
///
/// | key | value |
/// |---|---|
/// | `memory` | `true` |
/// | `redis` | a URL |
/// | `redis_cluster` | a list of URLs, or one text with commas |
/// | `prefix` | text |
/// | `policy` | `"lru_t"`, `"lru"`, `"mru"`, `"lfu"`, `"fifo"`, `"fifo_t"`, `"rr"` |
/// | `layout` | `"single"`, `"multiple"` |
/// | `maxsize` | 1 to 1,000,000,000 |
/// | `ttl` | a duration, or `"off"` |
/// | `ttl_jitter` | 0 to 0.5 |
/// | `structure_ttl` | a duration that slides, `"fixed 1h"`, or `"never"` |
/// | `codec` | `"cbor"`, or that of a feature that is enabled: `"json"`, `"msgpack"`, … |
/// | `touch` | a duration, or `"exact"` |
/// | `stampede` | `"lease"`, `"local"`, `"off"` |
/// | `fallback_concurrency` | 1 or more |
/// | `compress_above` | bytes; needs the feature `lz4` |
/// | `max_entry_bytes` | bytes, up to 64 MiB |
/// | `deadline` | a duration, from 1 ms to 60 s |
/// | `invalidation_queue` | entries |
/// | `enabled` | `false` switches the cache off: [`Cache::set_enabled`](crate::Cache::set_enabled) |
///
/// Durations are numbers with units: `"500ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"1d"`.
///
/// ```
/// use redis_func_cache::{Cache, CacheSettings};
///
/// let settings: CacheSettings = serde_json::from_str(r#"{ "ttl": "5m", "maxsize": 10000 }"#)?;
/// let cache = Cache::builder("shop").settings(settings).build()?;
///
/// let error = serde_json::from_str::<CacheSettings>(r#"{ "ttl": "5 minutes" }"#).unwrap_err();
/// assert!(error.to_string().contains(r#"`ttl` is "5 minutes""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct CacheSettings(Vec<(&'static str, Setting)>);

#[derive(Clone)]
enum Setting {
    Memory,
    Redis(String),
    #[cfg(feature = "cluster")]
    RedisCluster(Vec<String>),
    Prefix(String),
    Policy(Policy),
    Layout(Layout),
    MaxSize(u64),
    Ttl(Option<Duration>),
    TtlJitter(f64),
    StructureTtl(StructureTtl),
    Codec(Codec),
    Touch(Touch),
    Stampede(Stampede),
    FallbackConcurrency(usize),
    #[cfg(feature = "lz4")]
    CompressAbove(usize),
    MaxEntryBytes(usize),
    Deadline(Duration),
    InvalidationQueue(usize),
    Enabled(bool),
}

const KEYS: &[&str] = &[
    "memory",
    "redis",
    "redis_cluster",
    "prefix",
    "policy",
    "layout",
    "maxsize",
    "ttl",
    "ttl_jitter",
    "structure_ttl",
    "codec",
    "touch",
    "stampede",
    "fallback_concurrency",
    "compress_above",
    "max_entry_bytes",
    "deadline",
    "invalidation_queue",
    "enabled",
];

impl Setting {
    /// # Errors
    /// What the value must be.
    fn read(key: &str, value: &SettingValue) -> Result<Self, String> {
        Ok(match key {
            "memory" if value.flag()? => Self::Memory,
            "memory" => return Err("`true`, or nothing: leave it out".to_owned()),
            "redis" => Self::Redis(value.text()?),
            #[cfg(feature = "cluster")]
            "redis_cluster" => Self::RedisCluster(value.texts()?),
            #[cfg(not(feature = "cluster"))]
            "redis_cluster" => return Err(needs("cluster")),
            "prefix" => Self::Prefix(value.text()?),
            "policy" => Self::Policy(policy(value)?),
            "layout" => Self::Layout(
                value.choice(&[("single", Layout::Single), ("multiple", Layout::Multiple)])?,
            ),
            "maxsize" => Self::MaxSize(value.number()?),
            "ttl" if value.is("off") => Self::Ttl(None),
            "ttl" => Self::Ttl(Some(value.duration()?)),
            "ttl_jitter" => Self::TtlJitter(value.share()?),
            "structure_ttl" => Self::StructureTtl(structure_ttl(value)?),
            "codec" => Self::Codec(codec(value)?),
            "touch" if value.is("exact") => Self::Touch(Touch::Exact),
            "touch" => Self::Touch(Touch::Behind(value.duration()?)),
            "stampede" => Self::Stampede(value.choice(&[
                ("lease", Stampede::Lease),
                ("local", Stampede::Local),
                ("off", Stampede::Off),
            ])?),
            "fallback_concurrency" => Self::FallbackConcurrency(value.number()?),
            #[cfg(feature = "lz4")]
            "compress_above" => Self::CompressAbove(value.number()?),
            #[cfg(not(feature = "lz4"))]
            "compress_above" => return Err(needs("lz4")),
            "max_entry_bytes" => Self::MaxEntryBytes(value.number()?),
            "deadline" => Self::Deadline(value.duration()?),
            "invalidation_queue" => Self::InvalidationQueue(value.number()?),
            _ => Self::Enabled(value.flag()?),
        })
    }

    fn apply(self, builder: CacheBuilder) -> CacheBuilder {
        match self {
            Self::Memory => builder.memory(),
            Self::Redis(url) => builder.redis(url),
            #[cfg(feature = "cluster")]
            Self::RedisCluster(urls) => builder.redis_cluster(urls),
            Self::Prefix(prefix) => builder.prefix(prefix),
            Self::Policy(policy) => builder.policy(policy),
            Self::Layout(Layout::Single) => builder.single(),
            Self::Layout(Layout::Multiple) => builder.multiple(),
            Self::MaxSize(maxsize) => builder.maxsize(maxsize),
            Self::Ttl(Some(ttl)) => builder.ttl(ttl),
            Self::Ttl(None) => builder.without_ttl(),
            Self::TtlJitter(share) => builder.ttl_jitter(share),
            Self::StructureTtl(structure) => builder.structure_ttl(structure),
            Self::Codec(codec) => builder.codec(codec),
            Self::Touch(touch) => builder.touch(touch),
            Self::Stampede(stampede) => builder.stampede(stampede),
            Self::FallbackConcurrency(calls) => builder.fallback_concurrency(calls),
            #[cfg(feature = "lz4")]
            Self::CompressAbove(bytes) => builder.compress_above(bytes),
            Self::MaxEntryBytes(bytes) => builder.max_entry_bytes(bytes),
            Self::Deadline(deadline) => builder.deadline(deadline),
            Self::InvalidationQueue(entries) => builder.invalidation_queue(entries),
            Self::Enabled(enabled) => builder.enabled(enabled),
        }
    }
}

fn policy(value: &SettingValue) -> Result<Policy, String> {
    let names: Vec<_> = Policy::BUILT_IN
        .iter()
        .map(|policy| (policy.tag(), policy.clone()))
        .collect();
    value.choice(&names)
}

fn structure_ttl(value: &SettingValue) -> Result<StructureTtl, String> {
    if value.is("never") {
        return Ok(StructureTtl::Never);
    }
    let text = value.text()?;
    match text.strip_prefix("fixed ") {
        Some(fixed) => SettingValue::Text(fixed.to_owned())
            .duration()
            .map(StructureTtl::Fixed),
        None => value.duration().map(StructureTtl::Sliding),
    }
}

fn codec(value: &SettingValue) -> Result<Codec, String> {
    value.choice(&[
        ("cbor", Codec::Cbor),
        #[cfg(feature = "json")]
        ("json", Codec::Json),
        #[cfg(feature = "msgpack")]
        ("msgpack", Codec::MsgPack),
        #[cfg(feature = "bson")]
        ("bson", Codec::Bson),
        #[cfg(feature = "yaml")]
        ("yaml", Codec::Yaml),
        #[cfg(feature = "postcard")]
        ("postcard", Codec::Postcard),
    ])
}

#[cfg(any(not(feature = "cluster"), not(feature = "lz4")))]
fn needs(feature: &str) -> String {
    format!("left out: it needs the feature `{feature}` of redis-func-cache")
}

impl CacheBuilder {
    /// Sets what these settings have. What they do not have stays as it is, so that several may follow each other: those of
    /// a file, then those of the environment.
    pub fn settings(self, settings: CacheSettings) -> Self {
        let settings = settings.0.into_iter();
        settings.fold(self, |builder, (_, setting)| setting.apply(builder))
    }
}

impl<'de> Deserialize<'de> for CacheSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SettingsVisitor)
    }
}

struct SettingsVisitor;

impl<'de> Visitor<'de> for SettingsVisitor {
    type Value = CacheSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings of a cache, such as `ttl` and `maxsize`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CacheSettings, A::Error> {
        let mut settings: Vec<(&'static str, Setting)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some(&known) = KEYS.iter().find(|known| **known == key) else {
                return Err(de::Error::unknown_field(&key, KEYS));
            };
            if settings.iter().any(|(set, _)| *set == known) {
                return Err(de::Error::duplicate_field(known));
            }
            let value: SettingValue = map.next_value()?;
            let setting = Setting::read(known, &value).map_err(|expected| {
                // A URL may have a password in it.
                de::Error::custom(if known.starts_with("redis") {
                    format!("`{known}` must be {expected}")
                } else {
                    format!("`{known}` is {value}; it must be {expected}")
                })
            })?;
            settings.push((known, setting));
        }
        Ok(CacheSettings(settings))
    }
}

// Without the values: a URL may have a password in it.
impl fmt::Debug for CacheSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().map(|(key, _)| key);
        f.debug_list().entries(keys).finish()
    }
}
