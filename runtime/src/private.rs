//! All that generated code may name. Not guarded by semver: the macro is pinned to this version.

pub use crate::call::Call;
pub use crate::field::{KeyWriter, canonical_bytes};
pub use crate::handle::{
    Invalidation, Needs, Ready, Run, invalidate_after, invalidate_after_blocking,
};
pub use crate::kept::Keep;
pub use crate::method::{Method, Options};
pub use crate::settings::Early;
pub use crate::shape::{PlainProbe, Probe, Shape, ShapeOf, Value};
pub use crate::verdict::{Life, Verdict, judge, judge_returned};
pub use crate::wrapper::Core;

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
