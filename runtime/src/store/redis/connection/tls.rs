//! TLS: the certificates to trust, and our own.

use std::fmt;

use redis::{Client, ConnectionAddr, ConnectionInfo, RedisError};

use super::options::refused;
use crate::error::Error;

/// What the builder was given. The key is a secret, so none of it is shown.
#[derive(Default, Clone)]
pub(crate) struct Tls {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

#[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
impl Tls {
    pub(crate) fn set_ca(&mut self, pem: Vec<u8>) {
        self.ca = Some(pem);
    }

    pub(crate) fn set_identity(&mut self, cert_pem: Vec<u8>, key_pem: Vec<u8>) {
        self.identity = Some((cert_pem, key_pem));
    }
}

impl Tls {
    fn is_set(&self) -> bool {
        self.ca.is_some() || self.identity.is_some()
    }

    /// A client of a server, with all that its URL and TLS ask for.
    pub(crate) fn client(&self, what: &str, info: ConnectionInfo) -> Result<Client, Error> {
        let secure = match info.addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(Error::config(format!(
                    "a URL given to `{what}` ends in #insecure, but certificates are always verified; \
                     leave that out, and give the certificate of the server's CA to `tls_ca`"
                )));
            }
            ConnectionAddr::TcpTls { .. } => true,
            _ => false,
        };
        if !secure && self.is_set() {
            return Err(Error::config(format!(
                "`tls_ca` and `tls_identity` are for TLS, but a URL given to `{what}` does not ask for it; \
                 write rediss://… there, or leave them out"
            )));
        }
        let client = match self.certificates_if(secure)? {
            Some(certificates) => with_certificates(info, certificates),
            None => Client::open(info),
        };
        client.map_err(|error| self.unusable(what, &error))
    }

    /// The error of a client that cannot be made: of the certificates if there are any, else of the URL.
    pub(crate) fn unusable(&self, what: &str, error: &RedisError) -> Error {
        if self.is_set() {
            unreadable("`tls_ca` or `tls_identity`")
        } else {
            refused(what, error)
        }
    }

    fn check_pem(&self) -> Result<(), Error> {
        let certificates = |pem: &[u8]| pem.windows(CERTIFICATE.len()).any(|at| at == CERTIFICATE);
        if self.ca.as_deref().is_some_and(|pem| !certificates(pem)) {
            return Err(unreadable("`tls_ca`"));
        }
        match &self.identity {
            Some((cert, _)) if !certificates(cert) => {
                Err(unreadable("the first of `tls_identity`"))
            }
            _ => Ok(()),
        }
    }
}

fn unreadable(what: &str) -> Error {
    Error::config(format!(
        "what was given to {what} cannot be read; give the text of a PEM file: certificates between \
         -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, and to `tls_identity` the private key of \
         the first one, not encrypted, as PKCS #8 (-----BEGIN PRIVATE KEY-----)"
    ))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

#[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
fn with_certificates(
    info: ConnectionInfo,
    certificates: redis::TlsCertificates,
) -> Result<Client, RedisError> {
    Client::build_with_tls(info, certificates)
}

#[cfg(any(feature = "tls-rustls", feature = "tls-native"))]
impl Tls {
    /// What the redis crate is to be given, if anything.
    fn certificates_if(&self, is_tls: bool) -> Result<Option<redis::TlsCertificates>, Error> {
        if !is_tls {
            return Ok(None);
        }
        self.check_pem()?;
        #[cfg(feature = "tls-rustls")]
        rustls::check(self)?;
        let identity = self.identity.clone();
        let root_cert = self.ca.clone().or_else(system_roots);
        if root_cert.is_none() && identity.is_none() {
            return Ok(None);
        }
        Ok(Some(redis::TlsCertificates {
            client_tls: identity.map(|(client_cert, client_key)| redis::ClientTlsConfig {
                client_cert,
                client_key,
            }),
            root_cert,
        }))
    }
}

#[cfg(feature = "cluster")]
impl Tls {
    /// Has the client of a cluster use the certificates for the nodes that it finds as well.
    pub(crate) fn of_cluster(
        &self,
        builder: redis::cluster::ClusterClientBuilder,
        is_tls: bool,
    ) -> Result<redis::cluster::ClusterClientBuilder, Error> {
        #[cfg(feature = "tls-rustls")]
        return Ok(match self.certificates_if(is_tls)? {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        });
        #[cfg(not(feature = "tls-rustls"))]
        {
            let _ = is_tls;
            self.only_with_rustls("redis_cluster").map(|()| builder)
        }
    }
}

#[cfg(feature = "sentinel")]
impl Tls {
    /// A client of sentinels that uses certificates for them and for the primary, if there are any.
    pub(crate) fn of_sentinels(
        &self,
        named: &[Client],
        service: &str,
    ) -> Result<Option<redis::sentinel::SentinelClientBuilder>, Error> {
        #[cfg(feature = "tls-rustls")]
        return match self.certificates_if(super::options::is_tls(&named[0]))? {
            Some(certificates) => sentinel_builder(named, service, certificates).map(Some),
            None => Ok(None),
        };
        #[cfg(not(feature = "tls-rustls"))]
        {
            let _ = (named, service);
            self.only_with_rustls("redis_sentinel").map(|()| None)
        }
    }
}

#[cfg(all(feature = "sentinel", feature = "tls-rustls"))]
fn sentinel_builder(
    named: &[Client],
    service: &str,
    certificates: redis::TlsCertificates,
) -> Result<redis::sentinel::SentinelClientBuilder, Error> {
    use redis::TlsMode::Secure;
    use redis::sentinel::{SentinelClientBuilder, SentinelServerType};

    let settings = |one: &Client| {
        let settings = one.get_connection_info().redis_settings().clone();
        let own = |text: Option<&str>| text.map(str::to_owned);
        (own(settings.username()), own(settings.password()))
    };
    let (user, password) = settings(&named[0]);
    if named
        .iter()
        .any(|one| settings(one) != (user.clone(), password.clone()))
    {
        return Err(Error::config(
            "the URLs given to `redis_sentinel` name different users or passwords, which works without \
             `tls_ca` and `tls_identity` only; write the same ones in all of them",
        ));
    }
    let addresses = named
        .iter()
        .map(|one| one.get_connection_info().addr().clone());
    let builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master);
    let mut builder = builder
        .map_err(|error| refused("redis_sentinel", &error))?
        .set_client_to_redis_db(named[0].get_connection_info().redis_settings().db())
        .set_client_to_redis_tcp_settings(super::options::tcp())
        .set_client_to_sentinel_tcp_settings(super::options::tcp())
        .set_client_to_redis_tls_mode(Secure)
        .set_client_to_sentinel_tls_mode(Secure)
        .set_client_to_redis_certificates(certificates.clone())
        .set_client_to_sentinel_certificates(certificates);
    if let Some(user) = user {
        builder = builder
            .set_client_to_redis_username(&user)
            .set_client_to_sentinel_username(&user);
    }
    if let Some(password) = password {
        builder = builder
            .set_client_to_redis_password(&password)
            .set_client_to_sentinel_password(&password);
    }
    Ok(builder)
}

#[cfg(all(
    any(feature = "cluster", feature = "sentinel"),
    not(feature = "tls-rustls")
))]
impl Tls {
    /// The redis crate has no way to give native TLS certificates for nodes that it finds by itself.
    fn only_with_rustls(&self, what: &str) -> Result<(), Error> {
        if self.is_set() {
            return Err(Error::config(format!(
                "`tls_ca` and `tls_identity` work with `{what}` only if the feature `tls-rustls` is on; turn \
                 it on, or have the system trust the CA"
            )));
        }
        Ok(())
    }
}

/// With both features the redis crate uses rustls, but not the certificates that the system trusts.
#[cfg(all(feature = "tls-rustls", feature = "tls-native"))]
fn system_roots() -> Option<Vec<u8>> {
    use base64::Engine as _;
    use std::sync::LazyLock;

    static ROOTS: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
        let certificates = rustls_native_certs::load_native_certs().certs.into_iter();
        let pem = certificates.map(|certificate| {
            let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        });
        let pem: String = pem.collect();
        (!pem.is_empty()).then(|| pem.into_bytes())
    });
    ROOTS.clone()
}

#[cfg(all(
    any(feature = "tls-rustls", feature = "tls-native"),
    not(all(feature = "tls-rustls", feature = "tls-native"))
))]
fn system_roots() -> Option<Vec<u8>> {
    None
}

/// Without TLS in the redis crate URLs that ask for it are refused before.
#[cfg(not(any(feature = "tls-rustls", feature = "tls-native")))]
mod none {
    use crate::store::redis::connection::tls::{Client, ConnectionInfo, Error, RedisError, Tls};

    pub(crate) enum Certificates {}

    pub(crate) fn with_certificates(
        _: ConnectionInfo,
        certificates: Certificates,
    ) -> Result<Client, RedisError> {
        match certificates {}
    }

    impl Tls {
        pub(crate) fn certificates_if(&self, _: bool) -> Result<Option<Certificates>, Error> {
            self.check_pem().map(|()| None)
        }
    }
}
#[cfg(not(any(feature = "tls-rustls", feature = "tls-native")))]
use none::with_certificates;

/// Before a connection is made: rustls panics where a process has not chosen who does its
/// cryptography, and more than one could. A choice that the application has made stays.
pub(crate) fn choose_provider() {
    #[cfg(feature = "tls-rustls")]
    if ::rustls::crypto::CryptoProvider::get_default().is_none() {
        // If another thread was faster, its choice is as good.
        let _ = ::rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(feature = "tls-rustls")]
mod rustls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};

    use crate::error::Error;
    use crate::store::redis::connection::tls::{Tls, unreadable};

    /// Whether rustls will take it: the redis crate would find out at each attempt to connect.
    pub(crate) fn check(tls: &Tls) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = &tls.ca {
            for certificate in parse(ca, "`tls_ca`")? {
                let added = roots.add(certificate);
                added.map_err(|_| unreadable("`tls_ca`"))?;
            }
        }
        let Some((cert, key)) = &tls.identity else {
            return Ok(());
        };
        let chain = parse(cert, "the first of `tls_identity`")?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|_| unreadable("the second of `tls_identity`"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unreadable("`tls_identity`"))?;
        let config = config.with_root_certificates(roots);
        match config.with_client_auth_cert(chain, key) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InconsistentKeys(_)) => Err(Error::config(
                "the private key given to `tls_identity` is not that of its certificate; give the two that \
                 were made together, and the client's own certificate first",
            )),
            Err(_) => Err(unreadable("`tls_identity`")),
        }
    }

    fn parse(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        certificates.map_err(|_| unreadable(what))
    }
}
