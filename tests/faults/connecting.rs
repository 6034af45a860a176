//! What is said where no connection can be made: which server, and why.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{Cluster, Sentinel, Server, unique};

struct Repo;

#[cache_impl]
impl Repo {
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

/// The error of an operation that needs the server, once an attempt to connect has failed.
async fn said(cache: &Cache) -> String {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let error = cache.len().await.unwrap_err();
        let said = error.to_string();
        if said.starts_with("cannot connect") {
            assert!(!format!("{said} {error:?}").contains("canary"), "{error:?}");
            return said;
        }
        assert!(Instant::now() < limit, "{said}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn says(builder: CacheBuilder, expected: &str) {
    let cache = builder.build().unwrap();
    assert_eq!(said(&cache).await, expected);
    // The method runs all the same.
    assert_eq!(Repo.cached(&cache).find(7).await, 7);
}

fn builder() -> CacheBuilder {
    Cache::builder(unique("connecting"))
}

/// Answers whatever comes with these bytes, or never if there are none.
fn stranger(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move |mut stream: TcpStream| {
        let mut asked = [0; 512];
        while stream.read(&mut asked).is_ok_and(|read| read > 0) {
            if !answer.is_empty() && stream.write_all(answer).is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_errors_give_the_systems_reason() {
    let port = closed_port();
    let refused = format!("cannot connect to 127.0.0.1:{port}: connection refused (os error 111)");
    let url = format!("redis://canary:canary@127.0.0.1:{port}");
    says(builder().redis(&url), &refused).await;
    let missing = "cannot connect to unix:/nonexistent/redis.sock: \
                   no such file or directory (os error 2)";
    says(builder().redis("unix:///nonexistent/redis.sock"), missing).await;
    let unknown = builder()
        .redis("redis://unknown.invalid:7")
        .build()
        .unwrap();
    let error = said(&unknown).await;
    let expected = "cannot connect to unknown.invalid:7: failed to lookup address information";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_errors_give_the_servers_reason() {
    let server = Server::start();
    let at = format!("cannot connect to 127.0.0.1:{}", server.port());
    let url = |rest: &str| format!("redis://{rest}");
    let port = server.port();
    let out = format!("{at}: database 99 is out of range");
    says(builder().redis(url(&format!("127.0.0.1:{port}/99"))), &out).await;
    let _: () = server.query(&["CONFIG", "SET", "requirepass", "right"]);
    let wanted = format!("{at}: the server wants a password (NOAUTH)");
    says(builder().redis(server.url()), &wanted).await;
    let wrong = format!("{at}: the server refuses this user or password (WRONGPASS)");
    for who in [":canary", "canary:canary"] {
        says(
            builder().redis(url(&format!("{who}@127.0.0.1:{port}"))),
            &wrong,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_are_not_redis_are_recognised() {
    let web = stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let other = format!("cannot connect to 127.0.0.1:{web}: what answers is not a Redis server");
    says(builder().redis(format!("redis://127.0.0.1:{web}")), &other).await;
    let mute = stranger(b"");
    let silent = format!("cannot connect to 127.0.0.1:{mute}: no answer in time");
    says(
        builder().redis(format!("redis://127.0.0.1:{mute}")),
        &silent,
    )
    .await;
    #[cfg(feature = "tls-rustls")]
    {
        let server = Server::start();
        let url = format!("rediss://127.0.0.1:{}", server.port());
        let error = said(&builder().redis(url).build().unwrap()).await;
        let expected = format!("cannot connect to 127.0.0.1:{}: ", server.port());
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_that_cannot_be_reached_is_named() {
    let port = closed_port();
    let refused = format!("cannot connect to 127.0.0.1:{port}: connection refused (os error 111)");
    let urls = [format!("redis://:canary@127.0.0.1:{port}")];
    says(builder().redis_cluster(urls), &refused).await;
    let server = Server::start();
    let expected = format!(
        "cannot connect to 127.0.0.1:{}: the server is no node of a cluster; write `redis` instead of \
         `redis_cluster`",
        server.port()
    );
    says(builder().redis_cluster([server.url()]), &expected).await;
    let cluster = Cluster::start();
    for node in cluster.nodes() {
        let _: () = node.query(&["CONFIG", "SET", "requirepass", "right"]);
    }
    let cache = builder().redis_cluster(cluster.urls()).build().unwrap();
    let error = said(&cache).await;
    assert!(
        error.ends_with(": the server wants a password (NOAUTH)"),
        "{error}"
    );
}

#[cfg(feature = "sentinel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_distinguish_sentinels_from_the_primary() {
    let port = closed_port();
    let refused = format!("cannot connect to 127.0.0.1:{port}: connection refused (os error 111)");
    let urls = [format!("redis://127.0.0.1:{port}")];
    says(builder().redis_sentinel(urls, "cache"), &refused).await;
    let sentinel = Sentinel::start();
    let urls = sentinel.sentinel_urls();
    let unknown = format!(
        "cannot connect to 127.0.0.1:{}: the sentinel knows no primary `unknown`",
        sentinel.sentinels()[0].port()
    );
    says(builder().redis_sentinel(urls.clone(), "unknown"), &unknown).await;
    let primary = sentinel.primary();
    let _: () = primary.query(&["CONFIG", "SET", "requirepass", "right"]);
    let cache = builder().redis_sentinel(urls, "cache").build().unwrap();
    let error = said(&cache).await;
    assert!(
        error.ends_with("the server wants a password (NOAUTH)"),
        "{error}"
    );
}
