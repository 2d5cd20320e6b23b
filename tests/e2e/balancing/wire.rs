//! A layer-4 balancer: it places connections, in turn, and knows nothing of calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A balancer over some servers, until it is dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn over(servers: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, servers) = (Arc::new(AtomicUsize::new(0)), servers.to_vec());
        let (counted, mut tasks) = (connections.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut connected = JoinSet::new();
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let server = servers[number % servers.len()];
                connected.spawn(async move {
                    let mut there = TcpStream::connect(server).await.unwrap();
                    // Frames are small: without this each would wait for an acknowledgement.
                    here.set_nodelay(true).unwrap();
                    there.set_nodelay(true).unwrap();
                    // How a connection ends is the business of its two ends.
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}
