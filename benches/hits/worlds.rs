//! Hits in other worlds than a multi-thread runtime with one server: beside the same client's `GET` in the same world.

use std::thread;

use redis_func_cache::{Cache, CacheBuilder};
use serde::{Deserialize, Serialize};
use servers::tls::{Authority, TlsServer, tls_binary};
use servers::{Cluster, Sentinel};
use tokio::runtime::{Builder, Runtime};

use crate::contender::{
    BlockingOurs, BlockingPlain, Entrant, Functions, Ours, Plain, Source, connect, fill,
};
use crate::load::{BlockingContender, Contender, HOT, STORED, Scenario};
use crate::measure::{Cell, Effort, cells};
use crate::support::{Server, skipped};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Threads without a runtime. The redis crate's client has a connection for each of them.
    Sync,
    /// All callers on one thread.
    CurrentThread,
    Tls,
    /// Three nodes. Several functions, whose pairs lie on all of them, and keys that do.
    Cluster,
    Sentinel,
}

/// Both sides of one world.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorldResult {
    pub world: World,
    pub raw: Cell,
    pub ours: Cell,
}

impl World {
    pub const ALL: [Self; 5] = [
        Self::Sync,
        Self::CurrentThread,
        Self::Tls,
        Self::Cluster,
        Self::Sentinel,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::CurrentThread => "current_thread",
            Self::Tls => "tls",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Sync => "sync, a connection a thread",
            Self::CurrentThread => "current-thread runtime",
            Self::Tls => "TLS (rustls)",
            Self::Cluster => "cluster of three nodes",
            Self::Sentinel => "behind sentinels",
        }
    }

    pub fn callers(self) -> usize {
        match self {
            Self::Sync => 16,
            _ => 64,
        }
    }

    fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::Sync | Self::CurrentThread => Builder::new_current_thread(),
            Self::Tls | Self::Cluster | Self::Sentinel => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().unwrap()
    }
}

/// `None` where the world cannot be had here.
pub fn measure(world: World, effort: Effort) -> Option<WorldResult> {
    // On a thread and a runtime of its own.
    let measured = thread::spawn(move || {
        let runtime = world.runtime();
        match world {
            World::Sync => runtime.block_on(sync(effort)),
            World::CurrentThread => runtime.block_on(current_thread(effort)),
            World::Tls => runtime.block_on(tls(effort)),
            World::Cluster => runtime.block_on(cluster(effort)),
            World::Sentinel => runtime.block_on(sentinel(effort)),
        }
    });
    measured.join().unwrap()
}

async fn sync(effort: Effort) -> Option<WorldResult> {
    let server = Server::start();
    let source = Source::default();
    let raw = || BlockingPlain::connect(&server.url(), &source);
    let raw = (0..World::Sync.callers()).map(|_| raw()).collect();
    let raw = blocking("get", &source, raw);
    let source = Source::default();
    let cache = cache().redis(server.url()).build().unwrap();
    let ours = vec![BlockingOurs::of(&source, &cache); World::Sync.callers()];
    let ours = blocking("lru_t", &source, ours);
    compare(World::Sync, effort, [raw, ours], &[&server]).await
}

async fn current_thread(effort: Effort) -> Option<WorldResult> {
    let server = Server::start();
    let entrants = [
        raw(connect(&server.url()).await).await,
        ours(cache().redis(server.url())).await,
    ];
    compare(World::CurrentThread, effort, entrants, &[&server]).await
}

async fn tls(effort: Effort) -> Option<WorldResult> {
    let Some(binary) = tls_binary() else {
        skipped("TLS: no server program was built with it");
        return None;
    };
    let ca = Authority::new();
    let server = TlsServer::start(&binary, &ca.certify(&["127.0.0.1"]), &[]);
    let certificates = redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(ca.pem.clone().into_bytes()),
    };
    let client = redis::Client::build_with_tls(server.url(), certificates).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let entrants = [
        raw(connection).await,
        ours(cache().redis(server.url()).tls_ca(ca.pem)).await,
    ];
    compare(World::Tls, effort, entrants, &[&server.plain]).await
}

async fn cluster(effort: Effort) -> Option<WorldResult> {
    let cluster = Cluster::start();
    let client = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    let connection = client.get_async_connection().await.unwrap();
    let source = Source::default();
    let cache = cache().redis_cluster(cluster.urls()).build().unwrap();
    let functions = Functions::of(&source, &cache);
    let entrants = [
        raw(connection).await,
        entrant("lru_t", &source, functions).await,
    ];
    let nodes: Vec<_> = cluster.nodes().iter().collect();
    compare(World::Cluster, effort, entrants, &nodes).await
}

async fn sentinel(effort: Effort) -> Option<WorldResult> {
    let all = Sentinel::start();
    let urls: Vec<_> = all.sentinels().iter().map(Server::url).collect();
    let primary = redis::sentinel::SentinelServerType::Master;
    let service = all.service_name();
    let client = redis::sentinel::SentinelClient::build(urls.clone(), service, None, primary);
    let connection = client.unwrap().get_async_connection().await.unwrap();
    let entrants = [
        raw(connection).await,
        ours(cache().redis_sentinel(urls, service)).await,
    ];
    compare(World::Sentinel, effort, entrants, &[all.primary()]).await
}

fn cache() -> CacheBuilder {
    Cache::builder("worlds").maxsize(u64::from(STORED))
}

async fn raw<C>(connection: C) -> Entrant
where
    C: redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
{
    let source = Source::default();
    let plain = Plain::new(connection, None, &source);
    entrant("get", &source, plain).await
}

async fn ours(builder: CacheBuilder) -> Entrant {
    let source = Source::default();
    let ours = Ours::of(&source, &builder.build().unwrap());
    entrant("lru_t", &source, ours).await
}

async fn entrant<C: Contender>(name: &'static str, source: &Source, contender: C) -> Entrant {
    fill(&contender, Scenario::Hits).await;
    Entrant::new(name, "", source, contender)
}

fn blocking<C: BlockingContender>(
    name: &'static str,
    source: &Source,
    mut contenders: Vec<C>,
) -> Entrant {
    let first = &mut contenders[0];
    thread::scope(|scope| {
        // Not from this thread, which is a runtime's.
        scope.spawn(|| (0..u64::from(HOT)).for_each(|key| first.call(key)));
    });
    Entrant::blocking(name, source, contenders)
}

async fn compare(
    world: World,
    effort: Effort,
    entrants: [Entrant; 2],
    servers: &[&Server],
) -> Option<WorldResult> {
    let mut connections: Vec<_> = servers.iter().map(|server| server.connection()).collect();
    let callers = world.callers();
    let cells = cells(&entrants, Scenario::Hits, callers, effort, &mut connections).await;
    let [raw, ours] = <[Cell; 2]>::try_from(cells).ok()?;
    Some(WorldResult { world, raw, ours })
}
