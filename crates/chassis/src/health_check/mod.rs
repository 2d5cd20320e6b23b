//! `--health-check`: asks the server that runs with the same options whether it takes calls, and is the exit code. For containers, which have neither a
//! shell nor a client in them.
//!
//! A gRPC server is asked by `grpc.health.v1.Health/Check` on the port that it serves, so that its TLS and its interceptors are part of the answer; a server
//! of plain HTTP, which has no such service, by `GET /readyz` of its admin port. It says nothing about the servers that this one calls: restarting one
//! mends no other.
//!
//! ```
//! # use std::net::SocketAddr;
//! use wayside_chassis::{HealthCheck, TlsArgs};
//!
//! # async fn example(listen: SocketAddr) -> Result<(), wayside_chassis::HealthCheckError> {
//! HealthCheck::grpc(listen, &TlsArgs::default())?.run().await
//! # }
//! ```

mod ask;
mod error;
mod same_certificate;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsConnector;

pub use error::HealthCheckError;

use crate::{AdminListen, TlsArgs};

/// How long the whole check may take. A server that needs longer for an answer of a few bytes to its own machine is not well; it is also below the time limits
/// that container engines have for their checks.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A question to a server on this machine.
pub struct HealthCheck {
    address: SocketAddr,
    speaks: Speaks,
}

enum Speaks {
    Grpc(Option<TlsConnector>),
    Http,
}

impl HealthCheck {
    /// Asks the gRPC server that listens on `listen` with the files of `tls`.
    ///
    /// # Errors
    /// [`HealthCheckError::Tls`] when the files cannot be used.
    pub fn grpc(listen: SocketAddr, tls: &TlsArgs) -> Result<Self, HealthCheckError> {
        let tls = same_certificate::connector(tls)?;
        Ok(Self { address: reachable(listen), speaks: Speaks::Grpc(tls) })
    }

    /// Asks the server whose admin port is `admin`.
    ///
    /// # Errors
    /// [`HealthCheckError::NoAdminPort`] when it has none.
    pub fn http(admin: AdminListen) -> Result<Self, HealthCheckError> {
        match admin {
            AdminListen::Off => Err(HealthCheckError::NoAdminPort),
            AdminListen::On(address) => {
                Ok(Self { address: reachable(address), speaks: Speaks::Http })
            }
        }
    }

    /// Asks, for three seconds at most.
    ///
    /// # Errors
    /// Whatever is not "yes".
    pub async fn run(self) -> Result<(), HealthCheckError> {
        let address = self.address;
        let asking = async {
            let connect = |reason| HealthCheckError::Connect { address, reason };
            let stream = TcpStream::connect(address).await.map_err(connect)?;
            match self.speaks {
                Speaks::Http => ask::http(address, stream).await,
                Speaks::Grpc(None) => ask::grpc(address, "http", stream).await,
                Speaks::Grpc(Some(tls)) => {
                    let stream = tls.connect(address.ip().into(), stream).await.map_err(connect)?;
                    ask::grpc(address, "https", stream).await
                }
            }
        };
        timeout(TIMEOUT, asking).await.map_err(|_| HealthCheckError::Timeout { address })?
    }
}

impl std::fmt::Debug for HealthCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HealthCheck")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Where something that listens on all addresses is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_the_loopback_of_its_family() {
        for (listen, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.7:50051", "10.0.0.7:50051"),
        ] {
            let (listen, asked) = (listen.parse().unwrap(), asked.parse().unwrap());
            assert_eq!(reachable(listen), asked);
        }
    }

    #[test]
    fn without_an_admin_port_a_server_of_http_cannot_be_asked() {
        let error = HealthCheck::http(AdminListen::Off).unwrap_err();
        assert!(matches!(error, HealthCheckError::NoAdminPort), "{error}");
    }
}
