//! How often a call waits for the server: counted by a proxy between the two.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use redis_func_cache::Cache;

use crate::contender::Ours;
use crate::load::Contender as _;
use crate::support::{Server, unique};

const CALLS: u32 = 500;

/// Round trips of one hit and of one miss, on average.
pub async fn count(server: &Server) -> (f64, f64) {
    let trips = Arc::new(Trips::default());
    let port = proxy(server.port(), trips.clone());
    let cache = Cache::builder(unique("trips")).redis(format!("redis://127.0.0.1:{port}"));
    let mut contender = Ours::new(&cache.build().unwrap());
    // Connected, and the server knows the scripts.
    for key in [0, 1, 0] {
        contender.call(key).await;
    }
    let mut average = async |keys: &dyn Fn(u32) -> u64| {
        let before = trips.count.load(Ordering::SeqCst);
        for call in 0..CALLS {
            contender.call(keys(call)).await;
        }
        f64::from(trips.count.load(Ordering::SeqCst) - before) / f64::from(CALLS)
    };
    (
        average(&|_| 0).await,
        average(&|call| u64::from(call) + 2).await,
    )
}

#[derive(Default)]
struct Trips {
    count: AtomicU32,
    /// Whether the server has spoken since the last request.
    answered: AtomicBool,
}

/// Serves one connection after the other on the port that it returns.
fn proxy(server: u16, trips: Arc<Trips>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    trips.answered.store(true, Ordering::SeqCst);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // The server may have been ended by now.
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                continue;
            };
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let (out, home) = (trips.clone(), trips.clone());
            thread::spawn(move || {
                pump(client, server, || {
                    if out.answered.swap(false, Ordering::SeqCst) {
                        out.count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            });
            thread::spawn(move || {
                pump(back.0, back.1, || {
                    home.answered.store(true, Ordering::SeqCst);
                });
            });
        }
    });
    port
}

fn pump(mut from: TcpStream, mut to: TcpStream, seen: impl Fn()) {
    let mut bytes = [0; 1 << 14];
    let _ = to.set_nodelay(true);
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        seen();
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
