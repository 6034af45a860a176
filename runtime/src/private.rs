//! All that generated code may name. Not guarded by semver: the macro is pinned to this version.

use std::time::Duration;

pub use serde::Serialize;

pub use crate::cache::by_path::{
    EntriesByPath, WithoutSelfKey, all_by_path, entries_by_path, kept,
};
pub use crate::cache::entry_handle::errors::WithErrors;
pub use crate::cache::entry_handle::{Needs, Ready, Run};
pub use crate::cache::function::entry::GivenClosure;
pub use crate::cache::invalidation::{
    Invalidation, invalidate_after, invalidate_after_blocking, pass,
};
pub use crate::cache::updates::{Update, storing};
pub use crate::cache::wrapper::{Core, OwnedCore};
pub use crate::cache::write::{Write, stored_in};
pub use crate::call::Call;
pub use crate::call::batch::{BatchCall, again, chosen, ids, write_key};
pub use crate::call::errors::CallWithErrors;
pub use crate::call::label::LabelSlot;
pub use crate::engine::Engine;
pub use crate::key::digest::{KeyWriter, canonical_bytes};
pub use crate::method::Method;
pub use crate::method::batch_return::{BatchReturn, ItemOf, same_id, shared_with};
pub use crate::method::cacheability::{Cacheability, IntoCacheability, cacheability_of, condition};
pub use crate::method::cached_error::{ErrorsOf, error_to_store};
pub use crate::method::options::Options;
pub use crate::method::owned_args::ToOwnedArg;
pub use crate::method::return_type::{
    Lent, NamedAs, Owning, OwnsIs, PlainLent, PlainProbe, Probe, ReturnType, ReturnTypeOf,
    ReturnedBy, Returns, Value, named_as, owning,
};
pub use crate::rt::blocking::wait;
pub use crate::settings::{
    Early, constant_maxsize, constant_soft_timeout, constant_stale, constant_ttl,
};

/// What the handles of a cache share.
pub fn engine(cache: &crate::Cache) -> &Engine {
    cache.engine()
}

/// A method's fingerprint in this build: what its `#[cfg]` attributes came to is a part of it. Their
/// conditions are in the digest already, so one bit each is enough.
pub const fn fingerprint(mut digest: [u8; 20], conditions: &[bool]) -> [u8; 20] {
    let mut at = 0;
    while at < conditions.len() {
        if conditions[at] {
            digest[at / 8 % 20] ^= 1 << (at % 8);
        }
        at += 1;
    }
    digest
}

/// The entry that a call would store for this value; its instants are zero. For tests.
pub fn write_entry<T: Value>(call: Call<'_>, value: &T) -> Option<Vec<u8>> {
    let entry = call.entry().ok()?;
    let put = entry
        .encode(
            value,
            Duration::ZERO,
            entry.method.ttl_ms(),
            Ok(crate::key::tags::TagIds::NONE),
        )
        .ok()?;
    let times = crate::entry::header::Times {
        created_ms: 0,
        soft_ms: 0,
        hard_ms: 0,
    };
    let origin = crate::entry::header::Origin::default();
    Some(crate::entry::header::stamp(&put.entry, times, origin))
}

/// What a call makes of an entry that it finds. For tests with hostile bytes.
pub fn read_entry<T: Value>(call: Call<'_>, bytes: Vec<u8>) -> Option<T> {
    let epoch = crate::entry::header::Epoch::default();
    let reply = crate::store::LookupReply::new(0, Some(epoch), Some(bytes.into()));
    call.entry().ok()?.read(&reply)
}

/// Removes an entry with these bytes that cannot be read, as a call does. For tests.
pub fn discard(call: Call<'_>, bytes: &[u8]) {
    if let Ok(entry) = call.entry() {
        entry.discard_unreadable(Some(bytes));
    }
}

/// Every script under a name, for tests.
pub fn scripts() -> Vec<(String, String)> {
    crate::store::redis::scripts()
}

// A codec by its name, for `codec = "json"`; where its feature is off, the error that says so.
macro_rules! codecs {
    ($($name:ident $feature:literal $codec:ident;)*) => {$(
        #[cfg(feature = $feature)]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            () => {
                $crate::Codec::$codec
            };
        }

        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            () => {
                ::core::compile_error!(concat!(
                    "`codec = \"", $feature, "\"` needs the feature `", $feature,
                    "` of redis-func-cache; enable it in Cargo.toml"
                ))
            };
        }
    )*};
}
codecs! {
    __codec_json "json" Json;
    __codec_msgpack "msgpack" MsgPack;
    __codec_bson "bson" Bson;
    __codec_yaml "yaml" Yaml;
    __codec_postcard "postcard" Postcard;
}
