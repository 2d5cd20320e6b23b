use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::{RpcError, RpcErrorLayer};
use crate::errors::StatusBuilder;
use crate::path_alias::{PathAlias, PathAliasLayer};

const ALIASES: &[PathAlias] = &[PathAlias { from: "/rpc.Cache/", to: "/cache.v1.CacheService/" }];
const BY_ALIAS: &str = "/rpc.Cache/Store";
const BY_NAME: &str = "/cache.v1.CacheService/Store";

type Frames =
    StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn body(frames: Vec<Frame<Bytes>>) -> Frames {
    StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok).collect::<Vec<_>>()))
}

/// Two messages and the status at the end.
fn stream(status: &Status) -> Response<Frames> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    let data = Frame::data(Bytes::from_static(b"x"));
    let more = Frame::data(Bytes::from_static(b"y"));
    Response::new(body(vec![data, more, Frame::trailers(trailers)]))
}

/// Nothing but the status.
fn trailers_only(status: &Status) -> Response<Frames> {
    status.clone().into_http::<()>().map(|()| body(Vec::new()))
}

/// The head and the trailers of an answer, with the stack as a server has it.
async fn answered(
    path: &str,
    answer: fn(&Status) -> Response<Frames>,
    status: Status,
) -> [HeaderMap; 2] {
    let inner = service_fn(move |_: Request<()>| {
        let response = answer(&status);
        async { Ok::<_, Infallible>(response) }
    });
    let service = ServiceBuilder::new()
        .layer(PathAliasLayer::new(ALIASES))
        .layer(RpcErrorLayer)
        .service(inner);
    let request = Request::builder().uri(path).body(()).unwrap();
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned();
    [head.headers, trailers.unwrap_or_default()]
}

#[tokio::test]
async fn the_error_is_told_with_the_status_whether_that_comes_first_or_last() {
    let status = Status::unavailable("come again\n");
    let expected = RpcError {
        code: 14,
        message: "come again\n".to_owned(),
        temporary: true,
        user_error_code: 0,
    };
    let [head, trailers] = answered(BY_ALIAS, trailers_only, status.clone()).await;
    assert_eq!((RpcError::from_headers(&head), trailers.len()), (Some(expected.clone()), 0));
    let [head, trailers] = answered(BY_ALIAS, stream, status).await;
    assert_eq!(
        (RpcError::from_headers(&head), RpcError::from_headers(&trailers)),
        (None, Some(expected))
    );
}

#[tokio::test]
async fn the_bytes_are_those_of_the_older_api() {
    let status = StatusBuilder::new(Code::NotFound, "gone").user_error_code(7).build();
    let [head, _] = answered(BY_ALIAS, trailers_only, status).await;
    // 08 05: code 5. 12 04 "gone": message. 20 07: userErrorCode 7. A false is not sent.
    assert_eq!(head["rpc-error"], "CAUSBGdvbmUgBw==");
}

#[tokio::test]
async fn calls_by_the_newer_path_are_left_alone() {
    for answer in [trailers_only, stream] {
        for headers in answered(BY_NAME, answer, Status::unavailable("x")).await {
            assert!(!headers.contains_key("rpc-error"));
        }
    }
}

#[tokio::test]
async fn a_call_that_succeeds_has_no_error() {
    for answer in [trailers_only, stream] {
        for headers in answered(BY_ALIAS, answer, Status::ok("")).await {
            assert!(!headers.contains_key("rpc-error"));
        }
    }
}

#[tokio::test]
async fn what_the_handler_has_set_itself_stays() {
    let mut status = Status::unavailable("x");
    status.metadata_mut().insert("rpc-error", MetadataValue::from_static("CAU="));
    let [_, trailers] = answered(BY_ALIAS, stream, status).await;
    assert_eq!(trailers["rpc-error"], "CAU=");
}

#[test]
fn what_may_succeed_when_it_is_tried_again_is_temporary() {
    let plain = |code| StatusBuilder::new(code, "x");
    let pushback = |value: &'static str| {
        let mut status = Status::unavailable("x");
        status.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static(value));
        status
    };
    let mut twice = pushback("100");
    twice.metadata_mut().append("grpc-retry-pushback-ms", MetadataValue::from_static("100"));
    let soon = Duration::from_secs(1);
    for (expected, status) in [
        (true, plain(Code::Unavailable).build()),
        (true, plain(Code::ResourceExhausted).build()),
        (false, plain(Code::ResourceExhausted).quota("account:a", "10 keys").build()),
        (true, plain(Code::ResourceExhausted).quota("a", "b").retry_after(soon).build()),
        (true, plain(Code::Aborted).retry_after(soon).build()),
        (false, plain(Code::Aborted).build()),
        (false, plain(Code::DeadlineExceeded).build()),
        (false, plain(Code::NotFound).build()),
        (false, plain(Code::FailedPrecondition).build()),
        (false, plain(Code::InvalidArgument).build()),
        (false, plain(Code::Unauthenticated).build()),
        (false, plain(Code::PermissionDenied).build()),
        (false, plain(Code::Internal).build()),
        (false, plain(Code::Unknown).build()),
        (true, pushback("100")),
        (false, pushback("-1")),
        (false, pushback("soon")),
        (false, twice),
    ] {
        assert_eq!(RpcError::from_status(&status).temporary, expected, "{status:?}");
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let error = RpcError::from_status(&Status::internal("ä".repeat(1000)));
    assert_eq!(error.message, "ä".repeat(512));
}

#[test]
fn a_trailer_that_is_no_error_is_none() {
    for value in ["", "%%%", "CAU", "/////w=="] {
        let mut headers = HeaderMap::new();
        headers.insert("rpc-error", value.parse().unwrap());
        let expected = (value.is_empty()).then(RpcError::default);
        assert_eq!(RpcError::from_headers(&headers), expected, "{value:?}");
    }
}
