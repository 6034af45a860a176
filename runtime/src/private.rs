//! All that generated code may name. Not guarded by semver: the macro is pinned to this version.

pub use crate::call::Call;
pub use crate::field::{KeyWriter, canonical_bytes};
pub use crate::handle::{
    Invalidation, Needs, Ready, Run, invalidate_after, invalidate_after_blocking,
};
pub use crate::method::{Method, Options};
pub use crate::shape::{PlainProbe, Probe, Shape, ShapeOf, Value};
pub use crate::wrapper::Core;

/// Every script under a name, for tests.
pub fn scripts() -> Vec<(String, String)> {
    crate::store::redis::scripts()
}

macro_rules! requires {
    ($($name:ident $feature:literal $codec:literal;)*) => {$(
        #[cfg(feature = $feature)]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            () => {};
        }

        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            () => {
                ::core::compile_error!(concat!(
                    "`codec = \"", $codec, "\"` needs the feature `", $feature,
                    "` of redis-func-cache; enable it in Cargo.toml"
                ));
            };
        }
    )*};
}
requires! {
    __require_json "json" "json";
    __require_msgpack "msgpack" "msgpack";
    __require_bson "bson" "bson";
    __require_yaml "yaml" "yaml";
    __require_postcard "postcard" "postcard";
}
