//! How often a client waits for its server, counted on the wire.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use crate::Server;

/// A proxy in front of a server. A round trip begins with the first byte that a client sends after the server has spoken, on
/// whatever connection: what is sent together, or before an answer is there, is one.
#[derive(Debug)]
pub struct RoundTrips {
    trips: Arc<Trips>,
    port: u16,
}

#[derive(Debug, Default)]
struct Trips {
    count: AtomicU32,
    /// Whether the server has spoken since the last request.
    answered: AtomicBool,
}

impl RoundTrips {
    #[must_use]
    pub fn to(server: &Server) -> Self {
        let trips = Arc::<Trips>::default();
        trips.answered.store(true, Ordering::SeqCst);
        Self {
            port: proxy(server.port(), trips.clone()),
            trips,
        }
    }

    /// For a client to connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many there were so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.trips.count.load(Ordering::SeqCst)
    }
}

/// Serves all connections to the port that it returns.
fn proxy(server: u16, trips: Arc<Trips>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
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
