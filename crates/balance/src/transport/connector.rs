//! From an address to a stream of bytes.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::Address;

/// A stream of bytes to a server.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection being made.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Makes connections in a way of one's own: through a proxy, in memory, over a simulated network. TLS, if there is any, comes on top.
///
/// ```
/// use wayside_balance::{Address, Connect, Connecting, Io};
///
/// /// A server in the same process.
/// #[derive(Debug)]
/// struct InMemory(tokio::sync::mpsc::Sender<tokio::io::DuplexStream>);
///
/// impl Connect for InMemory {
///     fn connect<'a>(&'a self, _: &'a Address) -> Connecting<'a> {
///         Box::pin(async {
///             let (ours, theirs) = tokio::io::duplex(64 * 1024);
///             self.0.send(theirs).await.map_err(std::io::Error::other)?;
///             Ok(Box::new(ours) as Box<dyn Io>)
///         })
///     }
/// }
/// ```
pub trait Connect: Send + Sync + fmt::Debug + 'static {
    /// Connects to an address. It is dropped when it takes longer than an attempt may (20 s).
    ///
    /// # Errors
    /// Whatever went wrong; the subchannel fails for now and tries again when its backoff has passed.
    fn connect<'a>(&'a self, address: &'a Address) -> Connecting<'a>;
}

/// TCP and Unix domain sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// How long sent bytes may stay unacknowledged. Source: gRFC A18.
    pub(crate) user_timeout: Option<tokio::time::Duration>,
}

impl Connect for Sockets {
    fn connect<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            let stream = match address {
                Address::Ip(address) => TcpStream::connect(address).await?,
                Address::Name(host, port) => TcpStream::connect((host.as_str(), *port)).await?,
                Address::Unix(path) => {
                    return Ok(Box::new(UnixStream::connect(path).await?) as Box<dyn Io>);
                }
            };
            stream.set_nodelay(true)?;
            #[cfg(target_os = "linux")]
            if self.user_timeout.is_some() {
                socket2::SockRef::from(&stream).set_tcp_user_timeout(self.user_timeout)?;
            }
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
