use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use wayside_interceptors::metrics::{Format, Labels, Samples, Source};

use super::ServerView;
use crate::metrics::Process;
use crate::{debug, log_level};

/// The servers of the process.
type Servers = Arc<[ServerView]>;

/// Everything that the admin port answers.
pub(super) fn router(servers: Vec<ServerView>) -> Router {
    let shown = servers.iter().any(|server| server.recent.is_some());
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics));
    // What is off is not there, rather than there and refused.
    let (router, more) =
        if shown { (router.merge(debug::router()), ", /debug/channels") } else { (router, "") };
    let found = format!("There is /livez, /readyz, /metrics, /log{more}.\n");
    router
        .with_state(Servers::from(servers))
        .merge(log_level::routes(false))
        .fallback(async || (StatusCode::NOT_FOUND, found))
}

async fn readyz(State(servers): State<Servers>) -> (StatusCode, String) {
    let unready: Vec<_> = servers
        .iter()
        .filter(|server| !server.health.is_serving())
        .map(|server| &*server.name)
        .collect();
    if unready.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", unready.join(", ")))
    }
}

async fn metrics(State(servers): State<Servers>, headers: HeaderMap) -> impl IntoResponse {
    let mut samples = Samples::default();
    servers.iter().for_each(|server| server.collect(&mut samples));
    Process.collect(&mut samples.within(Labels::default()));
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let head = [(CONTENT_TYPE, format.content_type()), (CACHE_CONTROL, "no-store")];
    (head, samples.text(format))
}
