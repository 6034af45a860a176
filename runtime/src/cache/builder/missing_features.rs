//! Methods of features that are not enabled: to call one is an error of the compiler, which names the feature.
//!
//! No type has these traits, so there is nothing to call such a method with. Without them rustc would say that there is no
//! such method.
#![allow(clippy::needless_pass_by_value, missing_docs)] // no call gets here, and the documentation has every feature

use super::CacheBuilder;

#[cfg(not(feature = "cluster"))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`redis_cluster` needs the feature `cluster` of redis-func-cache; enable it in Cargo.toml",
    label = "needs the feature `cluster`"
)]
pub trait ClusterFeature {}

#[cfg(not(feature = "sentinel"))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`redis_sentinel` needs the feature `sentinel` of redis-func-cache; enable it in Cargo.toml",
    label = "needs the feature `sentinel`"
)]
pub trait SentinelFeature {}

#[cfg(not(any(feature = "tls-rustls", feature = "tls-native")))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`tls_ca` and `tls_identity` need the feature `tls-rustls` or `tls-native` of redis-func-cache; \
               enable one in Cargo.toml",
    label = "needs the feature `tls-rustls` or `tls-native`"
)]
pub trait TlsFeature {}

#[cfg(not(feature = "lz4"))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`compress_above` needs the feature `lz4` of redis-func-cache; enable it in Cargo.toml",
    label = "needs the feature `lz4`"
)]
pub trait Lz4Feature {}

impl CacheBuilder {
    #[cfg(not(feature = "cluster"))]
    #[doc(hidden)]
    pub fn redis_cluster<U: ClusterFeature>(self, _urls: impl IntoIterator<Item = U>) -> Self {
        self
    }

    #[cfg(not(feature = "sentinel"))]
    #[doc(hidden)]
    pub fn redis_sentinel<U: SentinelFeature>(
        self,
        _urls: impl IntoIterator<Item = U>,
        _service: impl Into<String>,
    ) -> Self {
        self
    }

    #[cfg(not(any(feature = "tls-rustls", feature = "tls-native")))]
    #[doc(hidden)]
    pub fn tls_ca(self, _pem: impl TlsFeature) -> Self {
        self
    }

    #[cfg(not(any(feature = "tls-rustls", feature = "tls-native")))]
    #[doc(hidden)]
    pub fn tls_identity(self, _cert_pem: impl TlsFeature, _key_pem: impl Into<Vec<u8>>) -> Self {
        self
    }

    #[cfg(not(feature = "lz4"))]
    #[doc(hidden)]
    pub fn compress_above(self, _bytes: impl Lz4Feature) -> Self {
        self
    }
}
