#![doc = include_str!("../../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod backlog;
mod behind;
mod blocking;
mod brownout;
mod budget;
mod builder;
mod cache;
mod call;
mod chance;
mod codec;
mod discard;
mod entry;
mod error;
mod field;
mod flight;
mod fork;
mod fresh;
#[cfg(any(doc, doctest))]
pub mod guide;
mod handle;
mod invalidation;
mod kept;
mod layout;
mod lease;
mod look;
mod maxsize;
mod method;
mod payload;
mod policy;
#[doc(hidden)]
pub mod private;
mod refresh;
mod role;
mod scope;
mod seal;
mod settings;
mod shape;
mod stats;
mod store;
mod sync;
mod unstorable;
mod value;
mod verdict;
mod wrapper;

pub use builder::CacheBuilder;
pub use cache::Cache;
pub use codec::{Codec, CodecError, CustomCodec, ValueCodec};
pub use erased_serde;
pub use error::{Error, ErrorKind};
pub use field::KeyPart;
pub use handle::{BlockingEntryHandle, EntryHandle};
pub use layout::{KeyFormat, KeyParts, Layout, MethodPart};
pub use policy::{CustomPolicy, CustomPolicyBuilder, Policy};
pub use redis_func_cache_macros::{cache, cache_impl, cache_skip, invalidates, nocache};
pub use scope::Mode;
#[cfg(feature = "seal")]
#[cfg_attr(docsrs, doc(cfg(feature = "seal")))]
pub use seal::SealKeys;
pub use settings::{Stampede, StructureTtl, Touch};
pub use shape::Value;
pub use stats::Stats;
pub use store::StoreKind;
pub use wrapper::{CacheExt, Cacheable};
