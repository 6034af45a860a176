#![doc = include_str!("../../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod cache;
mod call;
mod deadline;
mod engine;
mod entry;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod key;
mod method;
mod policy;
#[doc(hidden)]
pub mod private;
mod rt;
mod settings;
mod stats;
mod store;

pub use cache::Cache;
pub use cache::builder::CacheBuilder;
pub use cache::entry_handle::{BlockingEntryHandle, EntryHandle};
pub use cache::wrapper::{CacheExt, Cacheable};
pub use engine::scope::Mode;
pub use entry::codec::{Codec, CodecError, CustomCodec, ValueCodec};
#[cfg(feature = "seal")]
#[cfg_attr(docsrs, doc(cfg(feature = "seal")))]
pub use entry::seal::SealKeys;
pub use erased_serde;
pub use error::{Error, ErrorKind};
pub use key::digest::KeyPart;
pub use key::names::{KeyFormat, KeyParts, Layout, MethodPart};
pub use method::return_type::Value;
pub use policy::{CustomPolicy, CustomPolicyBuilder, Policy};
pub use redis_func_cache_macros::{cache, cache_impl, cache_skip, invalidates, nocache};
pub use settings::{Stampede, StructureTtl, Touch};
pub use stats::Stats;
pub use store::StoreKind;
