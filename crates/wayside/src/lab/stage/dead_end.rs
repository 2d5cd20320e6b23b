//! Addresses where no server is.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A port that takes every connection and resets it at once, and counts them.
#[derive(Debug)]
pub(crate) struct DeadEnd {
    pub(crate) address: SocketAddr,
    taken: Arc<AtomicU64>,
    taking: JoinHandle<()>,
}

impl DeadEnd {
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(ANY_PORT).await.context("cannot listen")?;
        let address = listener.local_addr().context("a port has no number")?;
        let taken = Arc::new(AtomicU64::new(0));
        let count = taken.clone();
        let taking = tokio::spawn(async move {
            loop {
                if let Ok((connection, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    // Without lingering, closing is a reset.
                    let _ = connection.set_zero_linger();
                }
            }
        });
        Ok(Self { address, taken, taking })
    }

    /// How many connections there were.
    pub(crate) fn connects(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for DeadEnd {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

/// A port that is taken, so that no other program gets it, and at which nobody listens.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) address: SocketAddr,
    _socket: TcpSocket,
}

impl Refusal {
    pub(crate) fn reserve() -> Result<Self> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.bind(ANY_PORT.into())?;
            Ok::<_, std::io::Error>(Self { address: socket.local_addr()?, _socket: socket })
        };
        reserve().context("cannot reserve a port")
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_dead_end_counts_and_resets() {
        let dead_end = DeadEnd::open().await.unwrap();
        for connects in 1..=2 {
            let mut connection = TcpStream::connect(dead_end.address).await.unwrap();
            let error = connection.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert_eq!(dead_end.connects(), connects);
        }
    }

    #[tokio::test]
    async fn a_refusal_refuses() {
        let refusal = Refusal::reserve().unwrap();
        let error = TcpStream::connect(refusal.address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
