//! Opening the connection of a pipeline: authentication, database, `PING`.

use std::io;

use bytes::BytesMut;
use redis::{ConnectionAddr, ConnectionInfo, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::resp::command;

/// A connection that is ready for requests.
pub(super) enum ServerStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

pub(super) async fn open(server: &ConnectionInfo) -> io::Result<ServerStream> {
    match server.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Small requests must not wait for more to come.
            stream.set_nodelay(true)?;
            greet(&mut stream, server.redis_settings()).await?;
            Ok(ServerStream::Tcp(stream))
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let mut stream = UnixStream::connect(path).await?;
            greet(&mut stream, server.redis_settings()).await?;
            Ok(ServerStream::Unix(stream))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Authenticates and selects the database. The reply to `PING` is the last one, and an error where the
/// server wants a password.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    settings: &RedisConnectionInfo,
) -> io::Result<()> {
    let (mut out, mut expected) = (BytesMut::new(), Vec::new());
    if let Some(password) = settings.password() {
        match settings.username() {
            Some(user) => command(&mut out, &[b"AUTH", user.as_bytes(), password.as_bytes()]),
            None => command(&mut out, &[b"AUTH", password.as_bytes()]),
        }
        expected.extend_from_slice(b"+OK\r\n");
    }
    if settings.db() != 0 {
        command(&mut out, &[b"SELECT", settings.db().to_string().as_bytes()]);
        expected.extend_from_slice(b"+OK\r\n");
    }
    command(&mut out, &[b"PING"]);
    expected.extend_from_slice(b"+PONG\r\n");
    stream.write_all(&out).await?;
    let mut got = [0];
    for byte in expected {
        stream.read_exact(&mut got).await?;
        if got[0] != byte {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    Ok(())
}
