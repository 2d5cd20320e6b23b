//! The whole document.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::operation::{id, operation};
use super::schema::{Schemas, describe};
use super::{Comments, path};
use crate::binding::Binding;

const DESCRIPTION: &str = "REST and JSON in front of every Wayside service, transcoded from the google.api.http annotations of its APIs.\n\n\
Bodies and replies are canonical proto JSON: requests may use either name of a field, replies have lowerCamelCase names and show \
fields with their default value; integers of 64 bits are strings in replies. An unknown field or query parameter is an error. \
Streams are NDJSON, one JSON object a line. The headers authorization, x-request-id, traceparent, tracestate, baggage and dry-run \
go on to the service, and so does any header grpc-metadata-<name>, as <name>. With dry-run: 1 nothing is changed: the response has the \
same header, or the request was refused.";

/// Describes every binding.
pub(crate) fn document(bindings: &[Arc<Binding>]) -> Json {
    let comments = Comments::of(bindings);
    let mut schemas = Schemas::new(&comments);
    let mut paths = Map::new();
    let mut tags = Vec::<Json>::new();
    for (index, binding) in bindings.iter().enumerate() {
        let method = &binding.target.method;
        let number =
            bindings[..index].iter().filter(|other| other.target.method == *method).count() + 1;
        let operation = operation(binding, &id(method, number), &mut schemas);
        let item = paths.entry(path(&binding.template)).or_insert_with(|| json!({}));
        item[key(binding.http_method.as_ref())] = operation;

        let service = method.parent_service();
        if !tags.iter().any(|tag| tag["name"] == service.full_name()) {
            let mut tag = json!({ "name": service.full_name() });
            describe(&mut tag, comments.service(service));
            tags.push(tag);
        }
    }
    let mut components = schemas.into_components();
    components.insert("google.rpc.Status".to_owned(), status());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Wayside", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": { "Error": error() },
            "parameters": { "grpc-timeout": timeout() },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// The key of an operation. OpenAPI has no place for methods of one's own, nor for any method, except as an extension.
fn key(method: Option<&http::Method>) -> String {
    match method.map(http::Method::as_str) {
        Some(
            standard @ ("GET" | "PUT" | "POST" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" | "TRACE"),
        ) => standard.to_lowercase(),
        Some(own) => format!("x-{}", own.to_lowercase()),
        None => "x-any-method".to_owned(),
    }
}

fn status() -> Json {
    json!({
        "type": "object",
        "description": "Why a request failed.",
        "properties": {
            "code": { "type": "integer", "format": "int32", "description": "The code, of google.rpc.Code." },
            "message": { "type": "string", "description": "The reason, for people." },
            "details": {
                "type": "array",
                "description": "The reasons, for programs: google.rpc.ErrorInfo, google.rpc.BadRequest and others.",
                "items": { "type": "object", "properties": { "@type": { "type": "string" } }, "required": ["@type"] },
            },
        },
        "required": ["code", "message", "details"],
    })
}

fn error() -> Json {
    json!({
        "description": "A failure: the HTTP status is that of the code, as google.rpc.Code maps it. 405, 408, 413 and 415 are the gateway's own.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/google.rpc.Status" } } },
    })
}

fn timeout() -> Json {
    json!({
        "name": "grpc-timeout",
        "in": "header",
        "description": "How long the whole request may take: at most 8 digits and one of H, M, S, m, u, n, such as 500m for half a second.",
        "schema": { "type": "string", "pattern": "^[0-9]{1,8}[HMSmun]$" },
    })
}
