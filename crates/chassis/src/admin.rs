//! The admin port: plain HTTP for whoever runs the process, apart from the ports that serve calls.
//!
//! `GET /livez`: 200 while the process answers. `GET /readyz`: 200 when every server takes calls, else 503 with the names of those that do not.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Duration;
use tonic::service::Routes;

use crate::health::Health;
use crate::server::{ServerOptions, serve};
use crate::{StartError, bind, log_level};

/// Where the admin port listens, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere: `off`.
    Off,
    /// On an address and port.
    On(SocketAddr),
}

impl FromStr for AdminListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .map(Self::On)
                .map_err(|_| "it is 'off', or an IP address and a port such as 127.0.0.1:9100"),
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => formatter.write_str("off"),
            Self::On(address) => address.fmt(formatter),
        }
    }
}

/// Takes the admin port. One that nobody asked for by name is done without when it is taken: several servers on one machine have the same
/// default, and none of them is to fail for it.
///
/// # Errors
/// When a port that was asked for cannot be had.
pub async fn bind_admin(
    listen: AdminListen,
    is_default: bool,
) -> Result<Option<TcpListener>, StartError> {
    let AdminListen::On(address) = listen else { return Ok(None) };
    if !is_default {
        return bind("the admin port (--admin-listen)", address).await.map(Some);
    }
    let listener = TcpListener::bind(address).await;
    if let Err(error) = &listener {
        tracing::warn!(%address, %error, "no admin port: choose another one with --admin-listen");
    }
    Ok(listener.ok())
}

/// Whether a server takes calls.
#[derive(Clone, Debug)]
pub struct Readiness {
    pub(crate) name: String,
    pub(crate) health: Health,
}

/// Serves the admin port until `stop`, without a drain: nobody waits for it.
pub async fn serve_admin(
    listener: TcpListener,
    servers: Vec<Readiness>,
    stop: impl Future<Output = ()>,
) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(Arc::<[Readiness]>::from(servers))
        .merge(log_level::routes(false));
    let options =
        ServerOptions { drain: Duration::ZERO, max_connections: 64, ..ServerOptions::default() };
    serve(listener, Routes::from(router).prepare(), &options, stop).await;
}

async fn readyz(
    State(servers): State<Arc<[Readiness]>>,
) -> Result<(StatusCode, String), Infallible> {
    let unready: Vec<_> = servers
        .iter()
        .filter(|server| !server.health.is_serving())
        .map(|server| &*server.name)
        .collect();
    Ok(if unready.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", unready.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_is_off_or_an_address() {
        assert_eq!("off".parse(), Ok(AdminListen::Off));
        assert_eq!(
            "127.0.0.1:9100".parse(),
            Ok(AdminListen::On(SocketAddr::from(([127, 0, 0, 1], 9100))))
        );
        assert!("9100".parse::<AdminListen>().is_err());
    }
}
