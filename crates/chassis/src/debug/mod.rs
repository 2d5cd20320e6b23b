//! `GET /debug/channels`: every channel of the process and the last calls, as a page or as JSON. The model is channelz (gRFC A14).
//!
//! The page shows what strangers have chosen, such as the messages of their errors, so all of it is escaped, and the page may load and run nothing. It shows addresses and targets, but
//! nothing that lets somebody call: neither metadata nor messages. It is there when it was asked for with `--debug-pages`, and for requests whose `Host` no web page could have made the browser
//! of its reader send.

mod guard;
mod html;
mod model;
mod page;
mod recent;
#[cfg(test)]
mod tests;

pub(crate) use recent::{AttemptObserver, CallObserver, Recent};

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::ServerView;

/// Nothing is loaded from anywhere, nothing runs, and nobody may put the page into one of their own.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The routes of the pages.
pub(crate) fn router() -> Router<Arc<[ServerView]>> {
    Router::new().route("/debug/channels", get(channels))
}

async fn channels(
    State(servers): State<Arc<[ServerView]>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !guard::is_own_name(header(HOST)) {
        let why = "call this page by an IP address or a name without a dot, such as localhost\n";
        return (StatusCode::FORBIDDEN, HEADERS, why).into_response();
    }
    let page = model::Page::of(&servers);
    if wants_json(query.as_deref(), header(ACCEPT)) {
        return match serde_json::to_vec_pretty(&page) {
            Ok(json) => (HEADERS, [(CONTENT_TYPE, "application/json")], json).into_response(),
            Err(error) => {
                (StatusCode::INTERNAL_SERVER_ERROR, HEADERS, error.to_string()).into_response()
            }
        };
    }
    (HEADERS, [(CONTENT_TYPE, "text/html; charset=utf-8")], page::html(&page)).into_response()
}

/// What was asked for in the query comes before what the client reads in general.
fn wants_json(query: Option<&str>, accept: Option<&str>) -> bool {
    match query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("format="))) {
        Some(format) => format == "json",
        None => accept.is_some_and(|accept| {
            accept.contains("application/json") && !accept.contains("text/html")
        }),
    }
}
