//! The server on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::{Duration, Instant, sleep};

use super::FakeApi;

/// A listening server. Whatever it has is closed when it is dropped, connections too: it runs in a runtime of its own.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl FakeApi {
    /// Listens on a free port.
    pub(crate) async fn listen(&self) -> Port {
        self.listen_on((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Listens on a port that was listened on before, as soon as it is free.
    pub(crate) async fn listen_on(&self, address: SocketAddr) -> Port {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let listener = loop {
            let bound = runtime.spawn(TcpListener::bind(address)).await.unwrap();
            match bound {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
            }
            sleep(Duration::from_millis(10)).await;
        };
        let address = listener.local_addr().unwrap();
        let router = self.router();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Port { address, runtime: Some(runtime) }
    }
}

impl Port {
    pub(crate) fn config(&self) -> kube::Config {
        let mut config = kube::Config::new(format!("http://{}", self.address).parse().unwrap());
        config.default_namespace = "shop".to_owned();
        config
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
