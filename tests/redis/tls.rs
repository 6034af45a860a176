//! TLS with real servers, and certificates of a CA of the test's own.
#![cfg(feature = "tls-rustls")]

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::tls::{Authority, Identity, TlsServer, tls_binary, tls_cluster, tls_sentinel};
use support::{Binary, eventually, skipped, unique};

const HERE: [&str; 2] = ["127.0.0.1", "localhost"];

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

fn binary() -> Option<Binary> {
    let binary = tls_binary();
    if binary.is_none() {
        skipped("no server program was built with TLS");
    }
    binary
}

fn builder() -> CacheBuilder {
    Cache::builder(unique("tls"))
}

/// Calls until what is stored is found; on threads of a runtime of their own, and on the caller's.
async fn works(cache: &Cache, what: &str) {
    let repo = Arc::new(Repo.cached(cache));
    let limit = Instant::now() + Duration::from_secs(20);
    let mut id = 0;
    loop {
        id += 1;
        let before = cache.stats().hit;
        let its = repo.clone();
        tokio::spawn(async move { its.find(id).await })
            .await
            .unwrap();
        let its = repo.clone();
        assert_eq!(
            tokio::spawn(async move { its.find(id).await })
                .await
                .unwrap(),
            id
        );
        assert_eq!(repo.find(id).await, id);
        if cache.stats().hit == before + 2 {
            return;
        }
        let len = cache.len().await;
        assert!(
            Instant::now() < limit,
            "{what}: {:?} {len:?}",
            cache.stats()
        );
    }
}

/// Why the store cannot be used, in the cache's own words.
async fn fails(cache: &Cache) -> String {
    let started = Instant::now();
    assert_eq!(Repo.cached(cache).find(1).await, 1);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "the method runs"
    );
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let error = cache.len().await.unwrap_err().to_string();
        if error.starts_with("cannot connect") {
            return error;
        }
        assert!(Instant::now() < limit, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_servers_are_verified() {
    let Some(binary) = binary() else { return };
    let (ca, other) = (Authority::new(), Authority::new());
    let good = TlsServer::start(&binary, &ca.certify(&HERE), &[]);
    for host in HERE {
        let url = format!("rediss://{host}:{}", good.port());
        let bundle = format!("{}{}", other.pem, ca.pem);
        for pem in [ca.pem.clone(), bundle] {
            let cache = builder().redis(&url).tls_ca(pem).build().unwrap();
            works(&cache, host).await;
        }
    }
    let untrusted = builder().redis(good.url()).build().unwrap();
    let wrong = builder()
        .redis(good.url())
        .tls_ca(&*other.pem)
        .build()
        .unwrap();
    for cache in [untrusted, wrong] {
        let error = fails(&cache).await;
        let expected = format!("cannot connect to 127.0.0.1:{}: TLS failed: ", good.port());
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains("certificate"), "{error}");
    }
    let cases = [
        (ca.certify_expired(&HERE), "expired"),
        (ca.certify(&["example.com"]), "not valid for name"),
    ];
    for (identity, expected) in cases {
        let server = TlsServer::start(&binary, &identity, &[]);
        let cache = builder()
            .redis(server.url())
            .tls_ca(&*ca.pem)
            .build()
            .unwrap();
        let error = fails(&cache).await;
        assert!(error.contains("TLS failed: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_require_a_client_certificate_get_ours() {
    let Some(binary) = binary() else { return };
    let (ca, other) = (Authority::new(), Authority::new());
    let wanted = ["--tls-auth-clients", "yes"];
    let server = TlsServer::start(&binary, &ca.certify(&HERE), &wanted);
    let trusting = || builder().redis(server.url()).tls_ca(&*ca.pem);
    let with = |Identity {
                    certificate, key, ..
                }| trusting().tls_identity(certificate, key);
    works(&with(ca.certify(&["client"])).build().unwrap(), "a client").await;
    for refused in [trusting(), with(other.certify(&["client"]))] {
        let error = fails(&refused.build().unwrap()).await;
        assert!(error.contains("TLS failed: "), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_reached_by_tls() {
    let Some(binary) = binary() else { return };
    let (ca, other) = (Authority::new(), Authority::new());
    let wanted = ["--tls-auth-clients", "yes"];
    let nodes = tls_cluster(&binary, &ca.certify(&HERE), &wanted);
    let urls = || nodes.iter().map(TlsServer::url);
    let own = ca.certify(&["client"]);
    // One node is named, the others are found.
    for named in [1, 3] {
        let cache = builder().redis_cluster(urls().take(named)).multiple();
        let cache = cache
            .tls_ca(&*ca.pem)
            .tls_identity(&*own.certificate, &*own.key);
        works(&cache.build().unwrap(), "a cluster").await;
    }
    let wrong = builder().redis_cluster(urls()).tls_ca(&*other.pem);
    let error = fails(&wrong.build().unwrap()).await;
    assert!(error.contains("TLS failed: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_behind_sentinels_is_reached_by_tls() {
    let Some(binary) = binary() else { return };
    let (ca, other) = (Authority::new(), Authority::new());
    let identity = ca.certify(&HERE);
    let primary = TlsServer::start(&binary, &identity, &[]);
    let service = ("cache", primary.port());
    let sentinels: Vec<_> = (0..2)
        .map(|_| tls_sentinel(&binary, &identity, service, ""))
        .collect();
    let urls = || sentinels.iter().map(TlsServer::url);
    let cache = builder().redis_sentinel(urls(), "cache").tls_ca(&*ca.pem);
    works(&cache.build().unwrap(), "sentinels").await;
    assert!(!primary.plain.keys().is_empty(), "it is this primary");
    let wrong = builder()
        .redis_sentinel(urls(), "cache")
        .tls_ca(&*other.pem);
    let error = fails(&wrong.build().unwrap()).await;
    assert!(error.contains("TLS failed: "), "{error}");
    let unknown = builder().redis_sentinel(urls(), "unknown").tls_ca(&*ca.pem);
    let error = fails(&unknown.build().unwrap()).await;
    assert!(error.contains("knows no primary `unknown`"), "{error}");
}

/// The sentinels name a listener: what comes must be the beginning of TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_is_sent_to_the_primary_in_clear_text() {
    let Some(binary) = binary() else { return };
    let ca = Authority::new();
    let eavesdropper = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let service = ("cache", eavesdropper.local_addr().unwrap().port());
    let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let ears = heard.clone();
    std::thread::spawn(move || {
        for mut stream in eavesdropper.incoming().flatten() {
            let ears = ears.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 256];
                if let Ok(read @ 1..) = stream.read(&mut bytes) {
                    ears.lock().unwrap().push(bytes[..read].to_vec());
                }
            });
        }
    });
    let user = "user reader on >canary allcommands allkeys allchannels";
    let sentinel = tls_sentinel(&binary, &ca.certify(&HERE), service, user);
    let of_sentinel = || heard.lock().unwrap().len();
    let before = of_sentinel();
    let url = format!("rediss://reader:canary@127.0.0.1:{}", sentinel.port());
    let cache = builder().redis_sentinel([url], "cache").tls_ca(&*ca.pem);
    let cache = cache.build().unwrap();
    let error = fails(&cache).await;
    assert!(!error.contains("canary"), "{error}");
    eventually("a client connects", Duration::from_secs(10), || {
        of_sentinel() > before
    });
    for bytes in heard.lock().unwrap().iter() {
        assert_eq!(bytes[0], 0x16, "{}", String::from_utf8_lossy(bytes));
        assert!(!bytes.windows(6).any(|part| part == b"canary"));
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_remedy() {
    let (ca, other) = (Authority::new(), Authority::new());
    let (own, another) = (ca.certify(&["client"]), other.certify(&["client"]));
    let tls = || builder().redis("rediss://127.0.0.1:1");
    let two = ["rediss://127.0.0.1:1", "redis://127.0.0.1:2"];
    let half = own.key[..own.key.len() / 2].to_owned();
    let cases = [
        (tls().tls_ca("no certificate"), "`tls_ca` cannot be read"),
        (tls().tls_ca(&*own.key), "`tls_ca` cannot be read"),
        (
            tls().tls_identity(&*own.key, &*own.certificate),
            "`tls_identity` cannot be read",
        ),
        (
            tls().tls_identity(&*own.certificate, &*half),
            "`tls_identity` cannot be read",
        ),
        (
            tls().tls_identity(&*own.certificate, &*another.key),
            "is not that of its certificate",
        ),
        (
            builder().redis("redis://127.0.0.1:1").tls_ca(&*ca.pem),
            "write rediss://",
        ),
        (
            builder().redis("rediss://127.0.0.1:1/#insecure"),
            "always verified",
        ),
        (builder().redis_cluster(two), "in all of them, or in none"),
        (
            builder().redis_sentinel(two, "cache"),
            "in all of them, or in none",
        ),
    ];
    let secret: Vec<_> = own.key.lines().nth(1).into_iter().collect();
    for (builder, expected) in cases {
        let debug = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        assert!(error.is_config(), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        for text in [debug, error.to_string(), format!("{error:?}")] {
            assert!(secret.iter().all(|line| !text.contains(line)), "{text}");
        }
    }
}
