//! Which headers of a request go on to the server, as metadata of the call, and what of the server's metadata comes back.

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::Status;
use tonic::metadata::MetadataMap;
use wayside_chassis::Context;

/// Headers that go on under their own name.
const PASSED: [&str; 6] =
    ["authorization", "x-request-id", "traceparent", "tracestate", "baggage", "dry-run"];

/// Any other metadata can be sent as a header with this prefix, as with grpc-gateway.
const PREFIX: &str = "grpc-metadata-";

/// What cannot be sent with the prefix: names that gRPC and HTTP/2 use themselves, and the address that the gateway tells.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    FORWARDED_FOR,
];

/// Who called the gateway. Without it, a server that trusts its own machine would trust everybody who can reach the gateway.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The metadata of the call that serves a request.
pub(crate) fn metadata(headers: &HeaderMap, context: &Context) -> MetadataMap {
    let mut passed = HeaderMap::new();
    for name in PASSED {
        for value in headers.get_all(name) {
            passed.append(HeaderName::from_static(name), value.clone());
        }
    }
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(PREFIX).filter(|name| is_free(name))
            && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
        {
            passed.append(name, value.clone());
        }
    }
    if let Some(id) = context.request_id().and_then(|id| HeaderValue::from_str(id).ok()) {
        passed.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(peer) = context.peer()
        && let Ok(address) = HeaderValue::from_str(&peer.0.ip().to_canonical().to_string())
    {
        passed.insert(HeaderName::from_static(FORWARDED_FOR), address);
    }
    MetadataMap::from_headers(passed)
}

/// What a server says of the call rather than in its reply: that a dry run was one. Without it the client has to take the call for a real one.
const ANSWERED: [&str; 1] = ["dry-run"];

/// Copies what a server says of a call into the headers of the response.
pub(crate) fn answer(metadata: &MetadataMap, headers: &mut HeaderMap) {
    for name in ANSWERED {
        if let Some(value) = metadata.as_ref().get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
}

/// The error that a stream ended in, with what the server said of the call when the stream began.
pub(crate) fn answered(began: &MetadataMap, mut status: Status) -> Status {
    answer(began, status.metadata_mut().as_mut());
    status
}

/// What has a header of its own is not taken from a second one: a proxy in front may have checked or removed the first.
fn is_free(name: &str) -> bool {
    !name.starts_with("grpc-") && !RESERVED.contains(&name) && !PASSED.contains(&name)
}

#[cfg(test)]
mod tests {
    use http::Extensions;
    use wayside_chassis::Peer;

    use super::*;

    fn passed(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut extensions = Extensions::new();
        extensions.insert(Peer("[::ffff:10.1.2.3]:4".parse().unwrap()));
        let metadata =
            metadata(&headers.collect(), &Context::from_extensions(&extensions)).into_headers();
        let mut lines = metadata
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect::<Vec<_>>();
        lines.sort();
        lines
    }

    #[test]
    fn only_the_listed_headers_and_those_with_the_prefix_go_on() {
        let lines = passed(&[
            ("authorization", "Bearer t"),
            ("x-request-id", "r"),
            ("traceparent", "p"),
            ("tracestate", "s"),
            ("baggage", "b"),
            ("dry-run", "1"),
            ("grpc-metadata-key", "value"),
            ("grpc-metadata-blob-bin", "AAE"),
            ("cookie", "c"),
            ("host", "h"),
            ("x-forwarded-for", "1.1.1.1"),
            ("grpc-timeout", "1S"),
        ]);
        let expected = [
            "authorization: Bearer t",
            "baggage: b",
            "blob-bin: AAE",
            "dry-run: 1",
            "key: value",
            "traceparent: p",
            "tracestate: s",
            "x-forwarded-for: 10.1.2.3",
            "x-request-id: r",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_prefix_does_not_reach_what_others_decide() {
        let lines = passed(&[
            ("grpc-metadata-authorization", "Bearer stolen"),
            ("grpc-metadata-grpc-timeout", "9H"),
            ("grpc-metadata-te", "x"),
            ("grpc-metadata-x-forwarded-for", "127.0.0.1"),
            ("grpc-metadata-", "x"),
        ]);
        assert_eq!(lines, ["x-forwarded-for: 10.1.2.3"]);
    }
}
