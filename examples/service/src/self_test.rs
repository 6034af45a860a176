//! Plain HTTP over TCP, so that what is tested is the service as its clients see it.

use std::io::{Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};

pub fn run(server: SocketAddr) -> Result<()> {
    for (method, path, body) in [
        ("GET", "/users/1", ""),
        ("GET", "/users/1", ""), // that there is no such user is cached, too
        ("PUT", "/users/1", "Ada"),
        ("GET", "/users/1", ""),
        ("GET", "/users/1", ""),
        ("GET", "/stats", ""),
        ("PUT", "/users/2", "Grace"),
        ("PUT", "/users/3", "Edsger"),
        ("GET", "/orders/one-by-one", ""), // a query for each user that is not in the cache
        ("PUT", "/users/2", "Barbara"),
        ("PUT", "/users/3", "Tony"),
        ("GET", "/orders", ""), // one query for both
        ("GET", "/orders", ""), // none for users
        ("GET", "/cache", ""),
    ] {
        let answer = request(server, method, path, body)?;
        println!("{method} {path}: {answer}");
    }
    Ok(())
}

/// One request on a connection of its own; the status and the body of the answer.
pub fn request(server: SocketAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let mut connection = TcpStream::connect(server)?;
    let length = body.len();
    write!(connection, "{method} {path} HTTP/1.1\r\nHost: {server}\r\n")?;
    write!(
        connection,
        "Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("no status");
    Ok(format!("{status} {body}"))
}
