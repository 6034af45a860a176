//! Which certificates are trusted, and which are shown.

use super::CacheBuilder;

impl CacheBuilder {
    /// Trusts servers whose certificates were signed by these CAs, and no others: the text of a PEM
    /// file with one or more of them. Without it, those that the system trusts.
    ///
    /// For URLs that begin with `rediss://`. A certificate is always verified, with its name.
    #[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-rustls", feature = "tls-native"))))]
    pub fn tls_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.set_ca(pem.into());
        self
    }

    /// Authenticates this client to servers that are set to `tls-auth-clients`: the texts of
    /// two PEM files, one with the client's certificate, which others up to a CA may follow, and one
    /// with its private key (PKCS #8).
    #[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-rustls", feature = "tls-native"))))]
    pub fn tls_identity(
        mut self,
        cert_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls.set_identity(cert_pem.into(), key_pem.into());
        self
    }
}
