//! Opening a socket of our own to a server without TLS: authentication, database, name, `PING`.

use std::io;

use redis::io::tcp::socket2::SockRef;
use redis::{Cmd, ConnectionAddr, ConnectionInfo, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::client_name::ClientName;
use super::options::keepalive;

/// The longest line of a reply, with its end.
const LONGEST_LINE: usize = 4096;

/// A connection that is ready for requests.
pub(crate) enum ServerStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

pub(crate) async fn open(server: &ConnectionInfo, name: &ClientName) -> io::Result<ServerStream> {
    match server.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Small requests must not wait for more to come.
            stream.set_nodelay(true)?;
            greet(&mut stream, server.redis_settings(), name).await?;
            Ok(ServerStream::Tcp(stream))
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let mut stream = UnixStream::connect(path).await?;
            greet(&mut stream, server.redis_settings(), name).await?;
            Ok(ServerStream::Unix(stream))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// For a connection that waits for the server to speak: the system finds out whether it is still there.
pub(crate) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_keepalive(&keepalive())
}

/// What is sent first, with the reply that each command must have; `None` where it does not matter.
fn greeting(
    settings: &RedisConnectionInfo,
    name: &ClientName,
) -> Vec<(Cmd, Option<&'static [u8]>)> {
    let mut greeting: Vec<(Cmd, Option<&'static [u8]>)> = Vec::new();
    if let Some(password) = settings.password() {
        let mut auth = redis::cmd("AUTH");
        auth.arg(settings.username()).arg(password);
        greeting.push((auth, Some(b"+OK\r\n")));
    }
    if settings.db() != 0 {
        let select = redis::cmd("SELECT").arg(settings.db()).take();
        greeting.push((select, Some(b"+OK\r\n")));
    }
    // A user may not be allowed to.
    greeting.push((name.command(), None));
    // An error where the server wants a password.
    greeting.push((redis::cmd("PING"), Some(b"+PONG\r\n")));
    greeting
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    settings: &RedisConnectionInfo,
    name: &ClientName,
) -> io::Result<()> {
    let greeting = greeting(settings, name);
    let mut out = Vec::new();
    for (command, _) in &greeting {
        out.extend_from_slice(&command.get_packed_command());
    }
    stream.write_all(&out).await?;
    for (_, expected) in greeting {
        let line = line(stream).await?;
        match expected {
            Some(expected) if line != expected => {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            None if !matches!(line.first(), Some(b'+' | b'-')) => {
                return Err(io::ErrorKind::InvalidData.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The next line, with its end. Nothing behind it is read.
async fn line<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut byte).await?;
        line.push(byte[0]);
    }
    Ok(line)
}
