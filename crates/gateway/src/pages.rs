//! What the gateway has itself: a list of its routes for people and one for programs, and whether it is alive.

use std::fmt::Write;
use std::sync::OnceLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};

use crate::openapi::{self, Comments};
use crate::table::Table;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The routes as HTML.
    Index,
    /// `ok` while the gateway serves.
    Health,
    /// The routes as OpenAPI.
    OpenApi,
}

impl Page {
    pub(crate) const ALL: [Self; 3] = [Self::Index, Self::Health, Self::OpenApi];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Health => "/healthz",
            Self::OpenApi => "/openapi.json",
        }
    }
}

/// Pages that were made once: when somebody asked for them, so that they cost no time at the start.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    index: OnceLock<Bytes>,
    openapi: OnceLock<Bytes>,
}

impl Pages {
    pub(crate) fn response(&self, page: Page, table: &Table) -> Response {
        let (content_type, body) = match page {
            Page::Index => {
                ("text/html; charset=utf-8", self.index.get_or_init(|| index(table).into()).clone())
            }
            Page::Health => ("text/plain; charset=utf-8", Bytes::from_static(b"ok")),
            Page::OpenApi => {
                let document = || openapi::document(&table.bindings).to_string().into();
                ("application/json", self.openapi.get_or_init(document).clone())
            }
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        );
        response
    }
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Wayside gateway</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
td, th { padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; }
td:first-child { font-weight: bold; }
</style>
<h1>Wayside gateway</h1>
<p>REST and JSON in front of every service. The whole description is in <a href=\"/openapi.json\">openapi.json</a>;
<a href=\"/healthz\">healthz</a> says whether the gateway is alive. Try this in a terminal:</p>
<pre>curl -d '{\"first_name\": \"Ada\", \"last_name\": \"Lovelace\"}' http://localhost:9091/greet</pre>
<table>
<tr><th>Method<th>Path<th>gRPC method<th>What it does
";

fn index(table: &Table) -> String {
    let mut page = HEAD.to_owned();
    let comments = Comments::of(&table.bindings);
    for binding in &table.bindings {
        let method = binding.http_method.as_ref().map_or("any", http::Method::as_str);
        let path = escape(&openapi::path(&binding.template));
        let grpc = escape(binding.target.path.as_str());
        let summary = escape(comments.summary(&binding.target.method));
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "<tr><td>{method}<td><code>{path}</code><td><code>{grpc}</code><td>{summary}"
        );
    }
    page.push_str("</table>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
