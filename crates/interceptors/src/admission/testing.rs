//! Calls, and bodies that are fed by hand, for the tests of the layers.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::Duration;
use tokio_stream::wrappers::ReceiverStream;
use tonic_types::pb;

use crate::Peer;

/// A call of a method.
pub(crate) fn call(path: &str) -> Request<()> {
    Request::builder().uri(path).header("content-type", "application/grpc").body(()).unwrap()
}

/// The same from an address.
pub(crate) fn call_from(address: &str, path: &str) -> Request<()> {
    let mut call = call(path);
    call.extensions_mut().insert(Peer(address.parse().unwrap()));
    call
}

pub(crate) type Fed = StreamBody<ReceiverStream<Result<Frame<Bytes>, &'static str>>>;
pub(crate) type Feed = mpsc::Sender<Result<Frame<Bytes>, &'static str>>;

/// A body, and what feeds it; without the feed it ends.
pub(crate) fn fed() -> (Feed, Fed) {
    let (feed, frames) = mpsc::channel(8);
    (feed, StreamBody::new(ReceiverStream::new(frames)))
}

/// Answers a call with a body that has ended.
pub(crate) async fn answer(_: Request<()>) -> Result<Response<Fed>, Infallible> {
    Ok(Response::new(fed().1))
}

/// The code and text of a refusal, and when it says to come back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) pushback_ms: Option<u64>,
}

/// What a response that is only a head tells. None if it is no refusal.
pub(crate) fn told<B>(response: &Response<B>) -> Option<Told> {
    let text = |name| text(response.headers(), name);
    let code = text("grpc-status")?;
    let message = text("grpc-message").unwrap_or_default().replace("%20", " ");
    let pushback_ms = text("grpc-retry-pushback-ms").map(|value| value.parse().unwrap());
    Some(Told { code, message, pushback_ms })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// The delay in the google.rpc.RetryInfo of a refusal.
pub(crate) fn retry_info<B>(response: &Response<B>) -> Option<Duration> {
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    let details = pb::Status::decode(status.details()).unwrap().details;
    let info = details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = pb::RetryInfo::decode(&*info.value).unwrap().retry_delay?;
    Some(delay.try_into().unwrap())
}
