use std::future::Future;

use tokio::net::TcpListener;
use tokio::time::Duration;
use tonic::service::Routes;

use super::{ServerView, routes};
use crate::server::{ServerOptions, serve};

/// More connections than any set of probes and scrapers has.
const MAX_CONNECTIONS: usize = 64;

/// Serves the admin port until `stop`, without a drain: nobody waits for it.
pub async fn serve_admin(
    listener: TcpListener,
    servers: Vec<ServerView>,
    stop: impl Future<Output = ()>,
) {
    let options = ServerOptions {
        drain: Duration::ZERO,
        max_connections: MAX_CONNECTIONS,
        ..ServerOptions::default()
    };
    let routes = Routes::from(routes::router(servers));
    serve(listener, routes.prepare(), &options, stop).await;
}
