//! A lane's own connection: whatever comes over it, no call gets another call's value.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheBuilder, CacheExt as _, cache_impl};
use support::{PATIENT, Server, binaries, check_pairs, eventually, unique};
use tokio::runtime::{Builder, Runtime};

const SOON: Duration = Duration::from_secs(5);

struct Repo;

#[cache_impl(maxsize = 10_000)]
impl Repo {
    async fn document(&self, id: u32) -> String {
        value(id).repeat(60_000)
    }

    async fn find(&self, id: u32) -> String {
        value(id)
    }
}

fn value(id: u32) -> String {
    format!("value {id:08}")
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn build(url: String) -> (Cache, CachedRepo) {
    let cache = Cache::builder(unique("wire")).redis(url).build().unwrap();
    let repo = Repo.cached(&cache);
    (cache, repo)
}

/// Calls in tasks, as servers do, and looks at every answer.
fn ask(runtime: &Runtime, repo: &CachedRepo, ids: impl Iterator<Item = u32>) {
    let calls = ids.map(|id| {
        let repo = repo.clone();
        runtime.spawn(async move { (id, repo.find(id).await) })
    });
    for call in runtime.block_on(join_all(calls.collect::<Vec<_>>())) {
        let (id, found) = call.unwrap();
        assert_eq!(found, value(id));
    }
}

type Reply = fn(&[u8], &[u8]) -> Vec<u8>;

/// What happens to the replies to reads.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    /// They come byte by byte.
    Crumbs,
    /// They end after so many bytes, and the connection with them.
    Cut(usize),
    /// Made from the one before and the one that it stands for.
    Instead(Reply),
    /// They do not come.
    Silence,
}

/// Stands between a cache and its server, and meddles with wires alone.
struct Shim {
    port: u16,
    trouble: Arc<Mutex<Trouble>>,
    wires: Arc<AtomicUsize>,
    replies: Arc<AtomicUsize>,
}

impl Shim {
    fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shim = Self {
            port: listener.local_addr().unwrap().port(),
            trouble: Arc::new(Mutex::new(Trouble::None)),
            wires: Arc::default(),
            replies: Arc::default(),
        };
        let (trouble, wires, replies) = (
            shim.trouble.clone(),
            shim.wires.clone(),
            shim.replies.clone(),
        );
        let port = server.port();
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let (trouble, wires, replies) = (trouble.clone(), wires.clone(), replies.clone());
                thread::spawn(move || carry(client, server, &trouble, &wires, &replies));
            }
        });
        shim
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn set(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn replies(&self) -> usize {
        self.replies.load(Ordering::SeqCst)
    }

    fn wires(&self) -> usize {
        self.wires.load(Ordering::SeqCst)
    }
}

/// A cache whose reads go through a wire, and through a shim.
struct Wired {
    server: Server,
    shim: Shim,
    cache: Cache,
    repo: CachedRepo,
    runtime: Runtime,
}

impl Wired {
    /// With so many values in it.
    fn with(values: u32) -> Self {
        Self::of(Cache::builder(unique("wire")), values)
    }

    fn of(builder: CacheBuilder, values: u32) -> Self {
        let server = Server::start();
        let shim = Shim::before(&server);
        let cache = builder.redis(shim.url()).build().unwrap();
        let wired = Self {
            repo: Repo.cached(&cache),
            runtime: runtime(),
            server,
            shim,
            cache,
        };
        wired.ask(0..values);
        wired.warm();
        wired
    }

    fn ask(&self, ids: impl Iterator<Item = u32>) {
        ask(&self.runtime, &self.repo, ids);
    }

    /// Calls until reads go through a wire.
    fn warm(&self) {
        let before = self.shim.replies();
        eventually("reads go through a wire", SOON, || {
            self.ask(0..1);
            self.shim.replies() > before
        });
    }
}

fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    trouble: &Mutex<Trouble>,
    wires: &AtomicUsize,
    replies: &AtomicUsize,
) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    // A wire begins with a `PING`, and the redis crate with something else.
    let Ok(len) = client.read(&mut buffer) else {
        return;
    };
    let is_wire = buffer[..len].ends_with(b"*1\r\n$4\r\nPING\r\n");
    wires.fetch_add(usize::from(is_wire), Ordering::SeqCst);
    let _ = server.write_all(&buffer[..len]);
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut last = Vec::new();
    while let Ok(len @ 1..) = server.read(&mut buffer) {
        let reply = &buffer[..len];
        let is_read = is_wire && reply.starts_with(b"*");
        replies.fetch_add(usize::from(is_read), Ordering::SeqCst);
        let now = *trouble.lock().unwrap();
        let sent = match now {
            _ if !is_read => client.write_all(reply),
            Trouble::None => client.write_all(reply),
            Trouble::Silence => Ok(()),
            Trouble::Crumbs => reply.iter().try_for_each(|byte| client.write_all(&[*byte])),
            Trouble::Cut(at) => {
                let _ = client.write_all(&reply[..at.min(len)]);
                break;
            }
            Trouble::Instead(make) => client.write_all(&make(&last, reply)),
        };
        if sent.is_err() {
            break;
        }
        last = reply.to_vec();
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_reply_that_comes_byte_by_byte_is_read_whole() {
    let wired = Wired::of(Cache::builder(unique("wire")).deadline(PATIENT), 50);
    wired.shim.set(Trouble::Crumbs);
    let (hits, wires) = (wired.cache.stats().hit, wired.shim.wires());
    for _ in 0..5 {
        wired.ask(0..50);
    }
    assert_eq!(
        (wired.cache.stats().hit - hits, wired.cache.stats().error),
        (250, 0)
    );
    assert_eq!(wired.shim.wires(), wires);
}

#[test]
fn a_read_whose_reply_is_cut_is_sent_again_on_another_connection() {
    let wired = Wired::with(4);
    // A value has some 80 bytes, the clock behind it 30.
    for at in (0..120).step_by(3) {
        wired.shim.set(Trouble::None);
        wired.warm();
        let (before, wires) = (wired.cache.stats(), wired.shim.wires());
        wired.shim.set(Trouble::Cut(at));
        wired.ask(1..2);
        let now = wired.cache.stats();
        let found = (now.hit - before.hit, now.error - before.error);
        assert_eq!(found, (1, 0), "cut at {at}");
        assert_eq!(wired.shim.wires(), wires, "cut at {at}");
    }
    check_pairs(&wired.server);
}

#[test]
fn the_reply_to_another_read_is_never_a_value() {
    let wired = Wired::with(4);
    wired
        .shim
        .set(Trouble::Instead(|before, _| before.to_vec()));
    // The reply before was that to the read of 0.
    wired.ask(1..2);
    let stats = wired.cache.stats();
    assert_eq!((stats.undecodable, stats.error), (1, 0), "{stats:?}");
    wired.ask(0..4);
}

#[test]
fn an_unrequested_reply_ends_the_connection() {
    let troubles: [Reply; 4] = [
        |_, reply| [reply, reply].concat(),
        |_, reply| [reply, b"+OK\r\n"].concat(),
        |_, _| b"+OK\r\n".to_vec(),
        |_, reply| [b"*2\r\n$-1\r\n", &reply[4..]].concat(),
    ];
    for trouble in troubles {
        let wired = Wired::with(50);
        let wires = wired.shim.wires();
        wired.shim.set(Trouble::Instead(trouble));
        wired.ask(1..2);
        wired.shim.set(Trouble::None);
        eventually("there is another wire", SOON, || {
            wired.ask(0..50);
            wired.shim.wires() > wires
        });
        wired.warm();
        check_pairs(&wired.server);
    }
}

#[test]
fn a_server_error_reaches_one_caller_and_keeps_the_connection() {
    let wired = Wired::with(4);
    let (errors, wires) = (wired.cache.stats().error, wired.shim.wires());
    wired.shim.set(Trouble::Instead(|_, reply| {
        let clock = reply.windows(4).rposition(|four| four == b"*2\r\n");
        [
            b"-ERR for once\r\n-ERR for once\r\n",
            &reply[clock.unwrap()..],
        ]
        .concat()
    }));
    wired.ask(1..2);
    wired.shim.set(Trouble::None);
    assert_eq!(wired.cache.stats().error, errors + 1);
    let hits = wired.cache.stats().hit;
    wired.ask(0..4);
    assert_eq!(
        (wired.cache.stats().hit - hits, wired.shim.wires()),
        (4, wires)
    );
}

#[test]
fn a_silent_connection_is_replaced() {
    let wired = Wired::with(0);
    let wires = wired.shim.wires();
    wired.shim.set(Trouble::Silence);
    let started = Instant::now();
    wired.ask(0..1);
    assert!(started.elapsed() < Duration::from_secs(2));
    for _ in 0..3 {
        wired.ask(0..1);
    }
    wired.shim.set(Trouble::None);
    eventually("there is another wire", SOON, || {
        wired.ask(0..4);
        wired.shim.wires() > wires
    });
    wired.warm();
}

#[test]
fn cancelled_callers_do_not_disturb_the_replies_of_others() {
    // Byte by byte takes its time, the more so on a machine that is busy.
    let builder = Cache::builder(unique("wire")).deadline(Duration::from_secs(20));
    let wired = Wired::of(builder, 200);
    wired.shim.set(Trouble::Crumbs);
    for round in 0..20 {
        let gone: Vec<_> = (0..40)
            .map(|id| {
                let repo = wired.repo.clone();
                wired
                    .runtime
                    .spawn(async move { repo.find(id + round).await })
            })
            .collect();
        gone.iter()
            .step_by(2)
            .for_each(tokio::task::JoinHandle::abort);
        wired.ask(100..140);
    }
    assert_eq!(wired.cache.stats().error, 0);
    check_pairs(&wired.server);
}

/// Connections whose last command is the one that ends each batch.
fn wires_of(server: &Server) -> Vec<String> {
    let list: String = server.query(&["CLIENT", "LIST"]);
    let lines = list.lines().filter(|line| line.contains(" cmd=time "));
    lines.map(str::to_owned).collect()
}

fn has_a_wire(server: &Server, url: String, with: &str) {
    let (cache, repo) = build(url);
    let runtime = runtime();
    eventually("reads go through a wire", SOON, || {
        ask(&runtime, &repo, 0..10);
        wires_of(server).iter().any(|line| line.contains(with))
    });
    let hits = cache.stats().hit;
    ask(&runtime, &repo, 0..10);
    assert_eq!((cache.stats().hit - hits, cache.stats().error), (10, 0));
}

#[test]
fn a_pipeline_authenticates_and_selects_its_database() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let port = server.port();
        let _: () = server.query(&[
            "ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "&*", "+@all",
        ]);
        let url = format!("redis://reader:s3cret@127.0.0.1:{port}/3");
        has_a_wire(&server, url, " db=3 ");
        assert!(server.keys().is_empty(), "nothing is in database 0");
    }
}

#[test]
fn a_unix_socket_has_a_pipeline_too() {
    let binary = binaries().remove(0);
    let directory = std::env::temp_dir().join(unique("socket"));
    std::fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("redis.sock");
    let path = socket.to_str().unwrap();
    let server = Server::start_with(&binary, &["--unixsocket", path]);
    has_a_wire(&server, format!("unix://{path}"), path);
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn large_values_have_a_connection_of_their_own() {
    let wired = Wired::with(50);
    let read = |ids: std::ops::Range<u32>| {
        let documents = ids.map(|id| {
            let repo = wired.repo.clone();
            wired
                .runtime
                .spawn(async move { (id, repo.document(id).await) })
        });
        for document in wired
            .runtime
            .block_on(join_all(documents.collect::<Vec<_>>()))
        {
            let (id, found) = document.unwrap();
            assert_eq!(found, value(id).repeat(60_000));
        }
    };
    // One for small values, one for large ones, one for claims and puts.
    eventually("large values have a wire", SOON, || {
        read(0..3);
        wired.shim.wires() == 3
    });
    let before = wired.cache.stats();
    for _ in 0..5 {
        read(0..3);
        wired.ask(0..50);
    }
    let after = wired.cache.stats();
    assert_eq!((after.hit - before.hit, after.error), (265, before.error));
    assert_eq!(wired.shim.wires(), 3);
}
