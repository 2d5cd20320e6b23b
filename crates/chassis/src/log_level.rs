//! `GET /log` on the admin port shows what is logged, and `PUT /log` changes it while the process runs, as in
//! `curl -X PUT -d info,access=warn localhost:9100/log`.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::get;
use wayside_interceptors::Peer;
use wayside_telemetry::LogFilter;

/// More than any filter has.
const MOST_BYTES: usize = 4096;

type Answer = (StatusCode, String);

/// The routes. They are for this machine only, unless they are open: whoever can reach the port could make the process log nothing, or everything.
pub(crate) fn routes(open: bool) -> Router {
    let shown = move |request: Request| async move { answer(open, request, None).await };
    let replaced = move |request: Request| async move {
        let filter = LogFilter::of_process();
        answer(open, request, filter).await
    };
    Router::new().route("/log", get(shown).put(replaced))
}

/// Replaces the filter that is given by the body of the request, and shows the one in use.
async fn answer(open: bool, request: Request, replaced: Option<&LogFilter>) -> Answer {
    let near = request.extensions().get::<Peer>().is_some_and(|peer| peer.is_loopback());
    if !near && !open {
        return (StatusCode::FORBIDDEN, "only from this machine\n".to_owned());
    }
    if let Some(filter) = replaced
        && let Err(reason) = replace(filter, request).await
    {
        return (StatusCode::BAD_REQUEST, format!("{reason}\n"));
    }
    match LogFilter::of_process() {
        Some(filter) => (StatusCode::OK, format!("{}\n", filter.text())),
        None => (StatusCode::NOT_FOUND, "nothing is logged\n".to_owned()),
    }
}

async fn replace(filter: &LogFilter, request: Request) -> Result<(), String> {
    let body = axum::body::to_bytes(request.into_body(), MOST_BYTES).await;
    let body = body.map_err(|_| format!("a filter has at most {MOST_BYTES} bytes"))?;
    let text = std::str::from_utf8(&body).map_err(|_| "a filter is text".to_owned())?.trim();
    filter.replace(text).map_err(|error| error.to_string())?;
    tracing::warn!(filter = text, "what is logged was changed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use http_body::Body as _;
    use tower::ServiceExt;
    use wayside_telemetry::LogFormat;

    use super::*;

    async fn call(open: bool, method: &str, peer: &str, body: &str) -> (u16, String) {
        let mut request = Request::builder()
            .method(method)
            .uri("/log")
            .body(Body::from(body.to_owned()))
            .unwrap();
        request.extensions_mut().insert(Peer(peer.parse::<SocketAddr>().unwrap()));
        let response = routes(open).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert!(response.body().size_hint().upper().is_some());
        let text = axum::body::to_bytes(response.into_body(), MOST_BYTES).await.unwrap();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    /// One test, as a process has one log.
    #[tokio::test]
    async fn what_is_logged_is_shown_and_changed_from_this_machine() {
        let (here, elsewhere) = ("127.0.0.1:1", "10.0.0.7:1");
        assert_eq!(call(false, "GET", here, "").await.0, 404, "nothing is logged yet");
        let _log = wayside_telemetry::init(LogFormat::Text, "error").unwrap();
        let said = |text: &str| (200, format!("{text}\n"));
        assert_eq!(call(false, "GET", here, "").await, said("error"));
        assert!(!tracing::enabled!(target: "access", tracing::Level::INFO));
        assert_eq!(
            call(false, "PUT", here, "error,access=info\n").await,
            said("error,access=info")
        );
        assert!(tracing::enabled!(target: "access", tracing::Level::INFO));
        let (status, reason) = call(false, "PUT", here, "access=loud").await;
        assert_eq!((status, reason.contains("access=loud")), (400, true), "{reason}");
        assert_eq!(call(false, "PUT", here, &"x".repeat(MOST_BYTES + 1)).await.0, 400);
        for method in ["GET", "PUT"] {
            assert_eq!(call(false, method, elsewhere, "off").await.0, 403);
        }
        assert_eq!(call(false, "GET", here, "").await, said("error,access=info"));
        assert_eq!(call(true, "PUT", elsewhere, "off").await, said("off"));
        assert!(!tracing::enabled!(target: "access", tracing::Level::ERROR));
    }
}
